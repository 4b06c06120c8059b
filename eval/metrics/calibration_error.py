"""Whether scores mean what they say: expected calibration error, Brier score, and the reliability curve.

Posts that the model rejected carry no scores and are not counted here; the figures' own n says how many remain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eval.metrics.family import Definition, Family, Floats, Ints, Measured, one_hot, ratio
from eval.wilson import wilson

BINS = 15

DEFINITIONS = {
    "ece": Definition(
        "ECE",
        f"Expected calibration error of the predicted category's confidence: {BINS} equal-width bins, closed on the "
        "right, the mean gap between confidence and accuracy weighted by the bins' posts. Resampling adds noise to "
        "each gap, so its bootstrap interval lies too high for a well-calibrated model.",
        lower_is_better=True,
    ),
    "brier": Definition(
        "Brier score",
        "Mean squared distance between the category scores and the gold category's one-hot vector, summed over the "
        "categories: 0 is perfect, 2 is certain and wrong.",
        lower_is_better=True,
    ),
}


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One point of the reliability curve.

    Attributes:
        low: Lower edge of the confidence, exclusive.
        high: Upper edge, inclusive.
        n: Posts in the bin, at least 1.
        confidence: Their mean confidence.
        accuracy: The share of them whose category is right.
        accuracy_low: Lower end of the accuracy's Wilson interval.
        accuracy_high: Upper end.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def calibration_error(gold: Ints, predicted: Ints, scores: Floats) -> Family:
    """Figures on the categories' scores.

    Args:
        gold: `[posts]`, category indices.
        predicted: `[posts]`, category indices; the number of categories for no category, and thus no scores.
        scores: `[posts, categories]`, rows sum to 1.

    Returns:
        `ece` and `brier`.
    """
    scored = predicted < scores.shape[1]
    squares = np.square(scores - one_hot(gold, scores.shape[1])).sum(axis=1)
    loss = np.where(scored, squares, 0.0)[:, np.newaxis]
    return Family(np.concatenate([loss, _binned(gold, predicted, scores)], axis=1), _figures)


def reliability(gold: Ints, predicted: Ints, scores: Floats, *, confidence_level: float) -> list[ReliabilityBin]:
    """The reliability curve: confidence and accuracy of each bin that holds posts.

    Args:
        gold: `[posts]`, category indices.
        predicted: `[posts]`, category indices; the number of categories for no category, and thus no scores.
        scores: `[posts, categories]`, rows sum to 1.
        confidence_level: Of the accuracies' intervals.
    """
    edges = np.linspace(0, 1, BINS + 1)
    counts, confidence, hits = np.split(_binned(gold, predicted, scores).sum(axis=0), 3)
    return [
        _bin(edges[index], edges[index + 1], counts[index], confidence[index], hits[index], confidence_level)
        for index in np.flatnonzero(counts)
    ]


def _bin(low: float, high: float, n: float, confidence: float, hits: float, level: float) -> ReliabilityBin:
    accuracy_low, accuracy_high = wilson(int(hits), int(n), level)
    return ReliabilityBin(
        low=float(low),
        high=float(high),
        n=int(n),
        confidence=float(confidence / n),
        accuracy=float(hits / n),
        accuracy_low=accuracy_low,
        accuracy_high=accuracy_high,
    )


def _binned(gold: Ints, predicted: Ints, scores: Floats) -> Floats:
    """`[posts, 3 * BINS]`: each post's one, confidence and hit, in the columns of its bin."""
    posts, categories = scores.shape
    scored = predicted < categories
    confidence = scores[np.arange(posts), np.where(scored, predicted, 0)]
    inner_edges = np.linspace(0, 1, BINS + 1)[1:-1]
    bins = one_hot(np.where(scored, np.searchsorted(inner_edges, confidence), -1), BINS)
    hit = (predicted == gold)[:, np.newaxis]
    return np.concatenate([bins, bins * confidence[:, np.newaxis], bins * hit], axis=1)


def _figures(totals: Floats) -> dict[str, Measured]:
    counts, confidence, hits = np.split(totals[..., 1:], 3, axis=-1)
    posts = counts.sum(axis=-1)
    return {
        "ece": Measured(ratio(np.abs(confidence - hits).sum(axis=-1), posts), posts),
        "brier": Measured(ratio(totals[..., 0], posts), posts),
    }
