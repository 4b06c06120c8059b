"""How well each category's scores put its posts before the others: average precision, no threshold needed.

Posts that the model rejected carry no scores: they rank last for every category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.family import Definition, Figures, Floats, Ints, Measured, RankFamily, ratio

DEFINITIONS = {
    "average_precision": Definition(
        "average precision",
        "Of one category: the mean, over its posts, of the precision among the posts that score at least as high, "
        "as scikit-learn's average_precision_score; posts of equal score stand together.",
    ),
    "mean_average_precision": Definition(
        "mean average precision",
        "Mean of the categories' average precision, each category weighing the same, over those that occur among the "
        "slice's gold labels.",
    ),
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The average precision of each category, and their mean.

    Attributes:
        categories: By name, one figure each.
    """

    categories: dict[str, RankFamily]

    def weighted(self, weights: Floats) -> dict[str, Measured]:
        """The figures under weights `[..., posts]`, each `[...]`."""
        figures: dict[str, Measured] = {}
        for family in self.categories.values():
            figures |= family.weighted(weights)
        values = np.stack([figure.value for figure in figures.values()], axis=-1)
        defined = ~np.isnan(values)
        mean = ratio(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))
        return figures | {"mean_average_precision": Measured(mean, weights.sum(axis=-1))}

    def measure(self) -> dict[str, Measured]:
        """The figures of the posts themselves."""
        return self.weighted(np.ones(len(next(iter(self.categories.values())).scores)))


def ranking(gold: Ints, scores: Floats, labels: Sequence[str]) -> Figures:
    """Figures on the order in which the scores put the posts.

    Args:
        gold: `[posts]`, category indices.
        scores: `[posts, categories]`; zeros where the model rejected the post.
        labels: The categories' names.

    Returns:
        `average_precision[label]` of each label, and `mean_average_precision`.
    """
    rejected = scores.sum(axis=1) == 0
    everything = np.ones(len(gold), dtype=np.bool_)
    return Ranking(
        {
            label: RankFamily(
                f"average_precision[{label}]",
                np.where(rejected, -1.0, scores[:, index]),
                (gold == index).astype(np.float64),
                everything,
                _average_precision,
                lambda _, positive: positive.sum(axis=-1),
            )
            for index, label in enumerate(labels)
        }
    )


def _average_precision(posts: Floats, positive: Floats) -> Floats:
    precision = ratio(np.cumsum(positive, axis=-1), np.cumsum(posts, axis=-1))
    return ratio(np.where(positive > 0, positive * precision, 0).sum(axis=-1), positive.sum(axis=-1))
