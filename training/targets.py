"""What the losses aim at: for every post a distribution over each head's labels, and how much the post counts.

A person's label is a distribution with one entry; a teacher's opinion is one with many. Knows nothing of networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from earshot.calibration import Scores
from earshot.taxonomy import Taxonomy
from training.class_weights import ClassWeights
from training.config import LossConfig
from training.dataset import NO_URGENCY, Dataset

Float = npt.NDArray[np.float32]
_TINY = 1e-6


def reached(levels: Float) -> Float:
    """The probability that each level but the highest is reached.

    Args:
        levels: `[posts, levels]`, a distribution each.

    Returns:
        `[posts, levels - 1]`.
    """
    return np.ascontiguousarray(levels[:, ::-1].cumsum(axis=1)[:, ::-1][:, :-1], np.float32)


@dataclass(frozen=True, slots=True)
class Totals:
    """What the losses of a whole batch are divided by, so that its parts add up to it.

    Attributes:
        category: The posts' weights.
        urgency: The weights of all conditional decisions that the posts' urgencies ask for.
    """

    category: float
    urgency: float


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of some posts, by row.

    Attributes:
        category: `[posts, categories]`, rows sum to 1.
        secondary: `[posts, categories]`, the probability that each passes.
        urgency: `[posts, urgencies]`, rows sum to 1, or to 0 where the urgency is unknown.
        category_weight: `[posts]`, how much the post counts for the category and the secondary categories.
        urgency_weight: `[posts]`, how much it counts for the urgency.
    """

    category: Float
    secondary: Float
    urgency: Float
    category_weight: Float
    urgency_weight: Float

    def __len__(self) -> int:
        return len(self.category)

    def take(self, rows: npt.NDArray[np.int64]) -> Targets:
        """The targets of these rows, in their order."""
        return Targets(*(values[rows] for values in self._values()))

    def followed_by(self, others: Targets) -> Targets:
        """These targets and then the others."""
        pairs = zip(self._values(), others._values(), strict=True)
        return Targets(*(np.concatenate(pair) for pair in pairs))

    def totals(self) -> Totals:
        """What the losses of these posts are divided by; never 0."""
        decisions = reached(self.urgency).sum(axis=1) if self.urgency.shape[1] else np.zeros(len(self))
        return Totals(
            category=max(float(self.category_weight.sum()), _TINY),
            urgency=max(float((decisions * self.urgency_weight).sum()), _TINY),
        )

    def weighing(self, factor: float) -> Targets:
        """These targets, each post counting so many times as much."""
        return replace(self, category_weight=factor * self.category_weight, urgency_weight=factor * self.urgency_weight)

    def _values(self) -> tuple[Float, ...]:
        return self.category, self.secondary, self.urgency, self.category_weight, self.urgency_weight

    @classmethod
    def of_labels(cls, data: Dataset, taxonomy: Taxonomy, weights: ClassWeights, config: LossConfig) -> Targets:
        """Aim at what people labelled.

        Args:
            data: Labelled posts.
            taxonomy: The labels.
            weights: How much each label counts.
            config: Label smoothing, and the weight of ambiguous posts.
        """
        categories, levels = len(taxonomy.categories), len(taxonomy.urgencies)
        smoothed = (1 - config.label_smoothing) * np.eye(categories)[
            data.category
        ] + config.label_smoothing / categories
        urgency = np.zeros((len(data), levels), np.float32)
        known = np.flatnonzero(data.urgency != NO_URGENCY)
        urgency[known, data.urgency[known]] = 1.0
        sure = np.where(data.ambiguous, config.ambiguous_weight, 1.0)
        return cls(
            category=smoothed.astype(np.float32),
            secondary=data.passing,
            urgency=urgency,
            category_weight=(sure * weights.of_categories(data)).astype(np.float32),
            urgency_weight=(sure * weights.of_urgencies(data)).astype(np.float32),
        )

    @classmethod
    def of_scores(cls, scores: Scores, out_of_scope: int | None) -> Targets:
        """Aim at a teacher's scores (Hinton et al. 2015, arXiv 1503.02531); every post counts 1.

        Args:
            scores: Of a teacher.
            out_of_scope: The index of the category that is never secondary.
        """
        posts = len(scores.category)
        passing = np.maximum(scores.category, scores.secondary)
        if out_of_scope is not None:
            passing[:, out_of_scope] = 0.0
        urgency = np.zeros((posts, 0)) if scores.urgency is None else scores.urgency
        return cls(
            category=scores.category.astype(np.float32),
            secondary=passing.astype(np.float32),
            urgency=urgency.astype(np.float32),
            category_weight=np.ones(posts, np.float32),
            urgency_weight=np.ones(posts, np.float32),
        )

    def blended(self, taught: Targets, share: float, rows: npt.NDArray[np.int64]) -> Targets:
        """These targets with a share of a teacher's opinion on some of the posts; what a post counts stays.

        Where the urgency is unknown, the teacher's alone is the target.

        Args:
            taught: The teacher's, one for each of `rows`.
            share: From 0, these alone, to 1, the teacher's alone.
            rows: Which posts the teacher speaks of, each once; the others stay as they are.
        """
        mixed = self.take(rows)._mixed(taught, share)
        values = [own.copy() for own in self._values()]
        for value, new in zip(values, mixed._values(), strict=True):
            value[rows] = new
        return Targets(*values)

    def _mixed(self, taught: Targets, share: float) -> Targets:
        known = self.urgency.sum(axis=1, keepdims=True) > 0
        urgency = np.where(known, (1 - share) * self.urgency + share * taught.urgency, taught.urgency)
        urgency_weight = np.where(known[:, 0], self.urgency_weight, taught.urgency_weight)
        return Targets(
            category=(1 - share) * self.category + share * taught.category,
            secondary=(1 - share) * self.secondary + share * taught.secondary,
            urgency=urgency.astype(np.float32),
            category_weight=self.category_weight,
            urgency_weight=urgency_weight.astype(np.float32),
        )
