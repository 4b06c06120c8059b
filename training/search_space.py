"""What `earshot tune` may try: `[search]`, in the same file as the configuration that it starts from.

Knows nothing of Optuna, data or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from training.config import SEARCH, ConfigError, TrainingConfig, first_error, read_toml

Value = str | bool | int | float


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(_Section):
    """Numbers from `low` to `high`, both included; whole numbers where both are.

    Attributes:
        low: The lowest.
        high: The highest.
        log: Whether each power of ten is as likely as the next.
    """

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} is not below high = {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low}")
        return self

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that must be possible if all are."""
        return (self.low, self.high)


class Choices(_Section):
    """Some values.

    Attributes:
        choices: The values.
    """

    choices: tuple[Value, ...] = Field(min_length=2)

    @property
    def samples(self) -> tuple[Value, ...]:
        """Values that must be possible if all are."""
        return self.choices


def _kind(value: object) -> str:
    return "choices" if isinstance(value, Choices) or (isinstance(value, Mapping) and "choices" in value) else "range"


Dimension = Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]

_DIMENSION_KEYS = Range.model_fields.keys() | Choices.model_fields.keys()

DEFAULT_SPACE: dict[str, Dimension] = {
    "optimization.learning_rate": Range(low=3e-5, high=3e-4, log=True),
    "optimization.batch_size": Choices(choices=(16, 32, 64)),
    "optimization.epochs": Range(low=3, high=6),
    "optimization.weight_decay": Range(low=1e-3, high=0.1, log=True),
    "model.dropout": Range(low=0.0, high=0.3),
    "loss.label_smoothing": Range(low=0.0, high=0.15),
    "loss.class_weights": Choices(choices=("none", "sqrt")),
    "loss.urgency_weight": Range(low=0.3, high=1.0),
}
"""What decides most about a fine-tuning, around the defaults."""


class SearchConfig(_Section):
    """How to search, and where.

    Attributes:
        seed: Of the sampler. The trainings themselves all have the configuration's.
        startup_trials: So many trials are drawn at random and run to their end; only then are trials chosen by what the
            earlier ones showed, and stopped early.
        warmup_epochs: In its first so many epochs no trial is stopped.
        space: Dotted names of settings to what they may be.
    """

    seed: int = 17
    startup_trials: int = Field(default=5, ge=1)
    warmup_epochs: int = Field(default=1, ge=0)
    space: dict[str, Dimension] = DEFAULT_SPACE

    @field_validator("space", mode="before")
    @classmethod
    def _flatten(cls, value: object) -> object:
        """TOML makes nested tables of dotted names."""
        return dict(_dimensions(value)) if isinstance(value, Mapping) else value

    @field_validator("space")
    @classmethod
    def _check_not_empty(cls, value: dict[str, Dimension]) -> dict[str, Dimension]:
        if not value:
            raise ValueError("names no setting to try: leave it out for the default one")
        return value

    @classmethod
    def load(cls, path: Path | None, base: TrainingConfig) -> SearchConfig:
        """Read `[search]`.

        Args:
            path: The configuration file; None for the defaults.
            base: The configuration that every trial starts from.

        Raises:
            ConfigError: The file cannot be read, or holds what is unknown or out of range.
        """
        content = {} if path is None else read_toml(path).get(SEARCH, {})
        try:
            search = cls.model_validate(content)
        except ValidationError as error:
            raise ConfigError(f"configuration {path}: {SEARCH}.{first_error(error)}") from error
        for name, dimension in search.space.items():
            for value in dimension.samples:
                base.with_settings({name: value}, f"{path or ''} [{SEARCH}.space]".strip())
        return search


def _dimensions(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in content.items():
        if isinstance(value, Mapping) and not value.keys() & _DIMENSION_KEYS:
            found += _dimensions(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found
