"""How far off on an ordered scale: quadratic weighted kappa and mean absolute error, on level indices.

A post without a predicted level counts as predicted at the level farthest from its gold level: as wrong as can be,
never left out.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from eval.metrics.family import Definition, Family, Floats, Ints, Measured, one_hot, ratio

DEFINITIONS = {
    "urgency_quadratic_kappa": Definition(
        "urgency quadratic kappa",
        "Cohen's kappa with quadratic weights: agreement beyond chance, a miss by two levels weighing four times a "
        "miss by one. 1 is perfect, 0 is chance.",
    ),
    "urgency_mean_absolute_error": Definition(
        "urgency mean absolute error",
        "Mean distance between predicted and gold urgency, in levels.",
        lower_is_better=True,
    ),
}


def ordinal(gold: Ints, predicted: Ints, levels: int, *, prefix: str = "urgency_") -> Family:
    """Figures on an ordered scale.

    Args:
        gold: `[posts]`, level indices, lowest first; negative without a gold level.
        predicted: `[posts]`, level indices; `levels` for no level.
        levels: Number of levels.
        prefix: Put before each metric's name.

    Returns:
        `quadratic_kappa` and `mean_absolute_error`; kappa is undefined where gold and predictions are one same level.
    """
    predicted = np.where(gold >= 0, farthest_where_missing(gold, predicted, levels), -1)
    distance = np.where(gold >= 0, np.abs(gold - predicted), 0).astype(np.float64)
    sums = np.stack([distance, distance**2], axis=1)
    parts = [sums, one_hot(gold, levels), one_hot(predicted, levels)]
    return Family(np.concatenate(parts, axis=1), partial(_figures, levels=levels, prefix=prefix))


def farthest_where_missing(gold: Ints, predicted: Ints, levels: int) -> Ints:
    """Predicted levels, and where there is none, the one that is farthest from the gold level; `[posts]`."""
    farthest = np.where(gold * 2 >= levels - 1, 0, levels - 1)
    return np.where(predicted >= levels, farthest, predicted)


def _figures(totals: Floats, *, levels: int, prefix: str) -> dict[str, Measured]:
    distance, squared = totals[..., 0], totals[..., 1]
    gold, predicted = totals[..., 2 : 2 + levels], totals[..., 2 + levels :]
    posts = gold.sum(axis=-1)
    scale = np.arange(levels)
    weights = np.square(scale[:, np.newaxis] - scale).astype(np.float64)
    by_chance = ratio(np.einsum("...i,ij,...j->...", gold, weights, predicted), posts)
    return {
        f"{prefix}quadratic_kappa": Measured(1 - ratio(squared, by_chance), posts),
        f"{prefix}mean_absolute_error": Measured(ratio(distance, posts), posts),
    }
