"""How well further categories of a post are found: each post has any number of them, often none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eval.metrics.family import Definition, Family, Floats, Measured, ratio

DEFINITIONS = {
    "secondary_precision": Definition(
        "secondary precision", "Of all predicted secondary categories, the share that is gold (micro-average)."
    ),
    "secondary_recall": Definition(
        "secondary recall", "Of all gold secondary categories, the share that is predicted (micro-average)."
    ),
    "secondary_f1": Definition(
        "secondary F1", "Harmonic mean of secondary precision and recall: 2 · hits / (gold + predicted)."
    ),
    "secondary_exact_match": Definition(
        "secondary exact match",
        "Share of posts whose set of secondary categories is exactly the gold one; most posts have none, so a model "
        "that never names any scores high here.",
    ),
}

Flags = npt.NDArray[np.bool_]


def secondary(gold: Flags, predicted: Flags, answered: Flags) -> Family:
    """Figures on secondary categories.

    Args:
        gold: `[posts, categories]`.
        predicted: `[posts, categories]`.
        answered: `[posts]`, whether the model gave a prediction; a post without one matches nothing.

    Returns:
        `secondary_precision`, `secondary_recall`, `secondary_f1` and `secondary_exact_match`.
    """
    matches = (gold == predicted).all(axis=1) & answered
    columns = [(gold & predicted).sum(axis=1), gold.sum(axis=1), predicted.sum(axis=1), matches, np.ones(len(gold))]
    return Family(np.stack(columns, axis=1).astype(np.float64), _figures)


def _figures(totals: Floats) -> dict[str, Measured]:
    hits, gold, predicted, matches, posts = np.moveaxis(totals, -1, 0)
    return {
        "secondary_precision": Measured(ratio(hits, predicted), predicted),
        "secondary_recall": Measured(ratio(hits, gold), gold),
        "secondary_f1": Measured(ratio(2 * hits, gold + predicted), gold + predicted - hits),
        "secondary_exact_match": Measured(ratio(matches, posts), posts),
    }
