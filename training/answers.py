"""Teachers' answers kept in a file: what was said of each post, found again by its text. Knows nothing of networks.

So a teacher that is too large to be served can teach all the same, on another machine, without its weights. The file is
`.npz`: `key` `[posts, 32]` (SHA-256 of the normalized text), `category`, `secondary`, `urgency` (probabilities), and
`about`, a JSON text with the labels' names and who answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earshot.calibration import Scores
from earshot.predictor import ModelIdentity
from earshot.tables import sha256_of
from earshot.taxonomy import Taxonomy
from training.config import ConfigError

SUFFIX = ".npz"


@dataclass(frozen=True, slots=True)
class Answers:
    """What one teacher said.

    Attributes:
        identity: The teacher; its digest is the file's.
        rows: By the SHA-256 of a normalized text, where its scores are.
        scores: Calibrated.
        path: The file.
    """

    identity: ModelIdentity
    rows: dict[bytes, int]
    scores: Scores
    path: Path

    @classmethod
    def load(cls, path: Path, taxonomy: Taxonomy) -> Answers:
        """Read a file.

        Args:
            path: As `save_answers` wrote it.
            taxonomy: The labels that it must speak of, in this order.

        Raises:
            ConfigError: It cannot be read, or speaks of other labels.
        """
        try:
            with np.load(path) as arrays:
                about = json.loads(str(arrays["about"]))
                keys, category, secondary = arrays["key"], arrays["category"], arrays["secondary"]
                urgency = arrays["urgency"]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"distillation.teachers: cannot read answers from {path}: {error}") from error
        if about["labels"] != _labels(taxonomy):
            raise ConfigError(f"distillation.teachers: {path} has other labels than the taxonomy")
        return cls(
            ModelIdentity(about["name"], about["version"], f"sha256:{sha256_of(path)}"),
            {key.tobytes(): row for row, key in enumerate(keys)},
            Scores(
                category.astype(np.float64),
                secondary.astype(np.float64),
                urgency.astype(np.float64) if urgency.shape[1] else None,
            ),
            path,
        )

    def knows(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of some normalized texts the teacher was asked about.

        Returns:
            `[texts]`.
        """
        return np.array([_key(text) in self.rows for text in texts], np.bool_)

    def of(self, texts: Sequence[str]) -> Scores:
        """Find the answers for some texts.

        Args:
            texts: Normalized texts.

        Raises:
            ConfigError: The teacher was never asked about some of them.
        """
        found = [self.rows.get(_key(text), -1) for text in texts]
        if missing := found.count(-1):
            raise ConfigError(
                f"distillation.teachers: {self.path} has no answer for {missing} of {len(texts)} posts, such as "
                f"'{texts[found.index(-1)][:60]}': ask it about the same files"
            )
        rows = np.array(found, np.int64)
        urgency = self.scores.urgency
        return Scores(
            self.scores.category[rows], self.scores.secondary[rows], None if urgency is None else urgency[rows]
        )


def save_answers(
    path: Path, texts: Sequence[str], scores: Scores, taxonomy: Taxonomy, *, name: str, version: str
) -> None:
    """Write what a teacher said.

    Args:
        path: To write to; its folder is created when missing.
        texts: Normalized texts; of one that occurs twice the first answer is kept.
        scores: Calibrated, of each text.
        taxonomy: The labels.
        name: Of the teacher.
        version: Of the teacher.
    """
    first = {_key(text): row for row, text in reversed(list(enumerate(texts)))}
    rows = np.array(sorted(first.values()), np.int64)
    urgency = np.zeros((len(texts), 0)) if scores.urgency is None else scores.urgency
    about = {"name": name, "version": version, "labels": _labels(taxonomy)}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".tmp{SUFFIX}")
    np.savez_compressed(
        unfinished,
        key=np.frombuffer(b"".join(_key(texts[row]) for row in rows), np.uint8).reshape(len(rows), 32),
        category=_short(scores.category[rows]),
        secondary=_short(scores.secondary[rows]),
        urgency=_short(urgency[rows]),
        about=np.array(json.dumps(about)),
    )
    unfinished.replace(path)


def mean_of(said: Sequence[Scores]) -> Scores:
    """The mean of several opinions on the same posts.

    Args:
        said: At least one; those without urgencies have no say in them.
    """
    urgency = [scores.urgency for scores in said if scores.urgency is not None]
    return Scores(
        category=np.mean([scores.category for scores in said], axis=0),
        secondary=np.mean([scores.secondary for scores in said], axis=0),
        urgency=np.mean(urgency, axis=0) if urgency else None,
    )


def joined(parts: Sequence[Scores]) -> Scores:
    """The scores of several lists of posts, one list after the other.

    Args:
        parts: At least one, of the same labels.
    """
    urgency = [scores.urgency for scores in parts if scores.urgency is not None]
    return Scores(
        category=np.concatenate([scores.category for scores in parts]),
        secondary=np.concatenate([scores.secondary for scores in parts]),
        urgency=np.concatenate(urgency) if urgency else None,
    )


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _short(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return probabilities.astype(np.float32)


def _labels(taxonomy: Taxonomy) -> Any:  # noqa: ANN401 (as JSON has it)
    return [list(taxonomy.category_names), list(taxonomy.urgency_names)]
