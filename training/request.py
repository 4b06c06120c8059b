"""What a training was asked for. Knows nothing of how it is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from earshot.bundle import TrainingData
from earshot.tables import sha256_of
from earshot.taxonomy import Taxonomy
from earshot.tracking_uri import DEFAULT
from training.config import TrainingConfig

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What `earshot train` was asked for.

    Attributes:
        data: Labelled files.
        output: The bundle folder to write.
        taxonomy: The labels.
        config: Everything else that decides the result.
        validation: Labelled files to validate on; without any, a part of `data` is held back.
        held_out: Files whose posts, and near-duplicates of them, must not be learned from.
        columns: Our name of a column to the files' own.
        skip_bad_rows: Leave unusable rows out, and count them.
        tracking_uri: Of MLflow.
        resume: Go on from the checkpoint beside `output`.
        restart: Throw that checkpoint away.
        keep_checkpoints: Leave the work folder where it is.
        command: What was typed, for the manifest.
    """

    data: tuple[Path, ...]
    output: Path
    taxonomy: Taxonomy
    config: TrainingConfig
    validation: tuple[Path, ...] = ()
    held_out: tuple[Path, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    skip_bad_rows: bool = False
    tracking_uri: str = DEFAULT
    resume: bool = False
    restart: bool = False
    keep_checkpoints: bool = False
    command: str = ""

    @property
    def work(self) -> Path:
        """Where checkpoints and graphs lie until the bundle is written."""
        return self.output.with_name(f"{self.output.name}.training")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that is learned from."""
        return (*self.data, *self.validation, *map(Path, self.config.distillation.unlabelled))

    def fingerprint(self, data: Sequence[TrainingData], teachers: Sequence[str]) -> str:
        """Of all that decides the weights: a checkpoint with another one belongs to another training.

        How they are then exported and decided upon may change between a stop and a resumption, and so may settings
        come along that are at their defaults.
        """
        content = [
            self.config.model_dump(mode="json", exclude={"export", "decision"}, exclude_defaults=True),
            self.taxonomy.model_dump(mode="json"),
            [source.model_dump(mode="json") for source in data],
            len(self.validation),
            [sha256_of(path) for path in self.held_out],
            list(teachers),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
