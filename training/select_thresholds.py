"""Choose where the decision changes, on calibrated validation scores. Knows nothing of networks or files."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earshot.calibration import Probabilities, Scores
from earshot.decision import Thresholds
from training.class_weights import ClassWeights
from training.config import DecisionConfig
from training.dataset import Dataset


def select_thresholds(scores: Scores, data: Dataset, config: DecisionConfig, weights: ClassWeights) -> Thresholds:
    """Choose the thresholds of confidence and of secondary categories.

    Args:
        scores: Calibrated scores of the served graph on the validation posts, in order.
        data: The validation posts, ambiguous ones among them, as a stream holds them too: chosen without them, the
            confidence asked for is too low (docs/experiments.md, 16).
        config: Target risk and review share.
        weights: How much each label counted in training: risk and share are those of that mix.
    """
    ordered = np.sort(scores.category, axis=1)
    confidence, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    counts = weights.of_categories(data)
    wrong = scores.category.argmax(axis=1) != data.category
    return Thresholds(
        min_confidence=_confidence_threshold(confidence, wrong, margin >= config.min_margin, counts, config),
        min_margin=config.min_margin,
        min_secondary=_secondary_threshold(scores.secondary, scores.category.argmax(axis=1), data),
    )


def _confidence_threshold(
    confidence: npt.NDArray[np.float64],
    wrong: npt.NDArray[np.bool_],
    separated: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float64],
    config: DecisionConfig,
) -> float:
    """The lowest confidence above which at most `target_risk` of the posts are wrong, capped by `max_review_share`."""
    cap = float(np.quantile(confidence, config.max_review_share, weights=weights, method="inverted_cdf"))
    for threshold in np.unique(np.concatenate([[0.0], confidence[confidence <= cap]])):
        kept = separated & (confidence >= threshold)
        if weights[kept].sum() > 0 and np.average(wrong[kept], weights=weights[kept]) <= config.target_risk:
            return float(threshold)
    return cap


def _secondary_threshold(secondary: Probabilities, best: npt.NDArray[np.int64], data: Dataset) -> float:
    """The threshold with the best F1 over the categories that are not the predicted one.

    Where nobody marked a secondary category, the head has only learned what the category's own has: none is claimed.
    """
    others = np.ones(secondary.shape, bool)
    others[np.arange(len(best)), best] = False
    own = np.zeros(secondary.shape, bool)
    own[np.arange(len(best)), data.category] = True
    asked = others & ~own
    scores, truth = secondary[asked], data.passing[asked] > 0
    if not truth.any():
        return 1.0
    candidates = np.linspace(0.05, 0.95, 91)
    hits = np.array([(truth & (scores >= threshold)).sum() for threshold in candidates])
    marked = np.array([(scores >= threshold).sum() for threshold in candidates])
    return float(candidates[int(np.argmax(2 * hits / (marked + truth.sum())))])
