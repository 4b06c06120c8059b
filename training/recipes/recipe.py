"""A recipe: how a public benchmark is read, and what is measured on it. Knows nothing of how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from earshot.errors import EarshotError


class RecipeError(EarshotError):
    """A recipe's input is missing or another, or one of its commands failed."""


@dataclass(frozen=True, slots=True)
class UpstreamFile:
    """A file as its authors published it.

    Attributes:
        path: Below the data root.
        sha256: Of its bytes, hexadecimal.
    """

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BenchmarkPost:
    """One post of a benchmark.

    Attributes:
        text: As upstream has it, without marks that only its file format put around it.
        category: Its label.
    """

    text: str
    category: str


PartName = Literal["train", "validation", "test"]
Parts = Mapping[PartName, Sequence[BenchmarkPost]]


@dataclass(frozen=True, slots=True)
class Published:
    """Figures that somebody else published on the same split.

    Attributes:
        by: Method, authors and year.
        figures: By metric, shares between 0 and 1.
    """

    by: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One public benchmark.

    Attributes:
        name: As in commands; the training configuration beside this file has the same.
        title: As in reports.
        split: On which posts the figures are measured.
        licence: Of the posts.
        files: What upstream published.
        read: From the content of these files, in order, to the official parts; `train` alone where there is no official
            test part, so that it is cut into folds.
        metrics: What is reported: names of figures in an evaluation's results, such as `accuracy` or `f1[suggestion]`.
        published: What others reached.
        out_of_scope: The out-of-scope category, if there is one.
        folds: Of the cross-validation, where there is no official test part; else 0.
        examples: Made-up posts by category; they become the bundle's golden posts.
    """

    name: str
    title: str
    split: str
    licence: str
    files: tuple[UpstreamFile, ...]
    read: Callable[[Sequence[bytes]], Parts]
    metrics: tuple[str, ...]
    published: tuple[Published, ...]
    out_of_scope: str | None = None
    folds: int = 0
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The training configuration, a file for `earshot train --config`."""
        return Path(__file__).with_name(f"{self.name}.toml")

    @property
    def teacher_config(self) -> Path:
        """The configuration of a larger encoder that is cross-fitted to teach, a file for `earshot teach --config`."""
        return Path(__file__).with_name(f"{self.name}.teacher.toml")
