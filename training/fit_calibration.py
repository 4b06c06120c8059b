"""Fit the calibration of each head on validation logits. Knows nothing of networks or files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from earshot.calibration import Calibration, Probabilities, ordinal, sigmoid, softmax
from earshot.session import Logits
from training.class_weights import ClassWeights
from training.dataset import NO_URGENCY, Dataset

_TINY = 1e-12
_LOG_TEMPERATURE_BOUNDS = (-2.5, 2.5)


def fit_calibration(logits: Logits, data: Dataset, weights: ClassWeights) -> Calibration:
    """Fit temperatures and the secondary head's scale and shift by maximum likelihood.

    Args:
        logits: Of the served graph on the validation posts, in order.
        data: The validation posts.
        weights: How much each label counted in training: scores are calibrated for that mix.
    """
    known = data.urgency != NO_URGENCY
    urgency_temperature = 1.0
    if logits.urgency is not None and known.any():
        levels, urgency = data.urgency[known], logits.urgency[known]
        counts = weights.of_urgencies(data)[known]
        urgency_temperature = _temperature(lambda t: _negative_log_likelihood(ordinal(urgency / t), levels, counts))
    of_posts = weights.of_categories(data)
    scale, shift = _platt(logits.secondary, data)
    return Calibration(
        category_temperature=_temperature(
            lambda t: _negative_log_likelihood(softmax(logits.category / t), data.category, of_posts)
        ),
        secondary_scale=scale,
        secondary_shift=shift,
        urgency_temperature=urgency_temperature,
    )


def _negative_log_likelihood(
    probabilities: Probabilities, truth: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> float:
    return float(-np.average(np.log(probabilities[np.arange(len(truth)), truth] + _TINY), weights=weights))


def _temperature(cost: Callable[[float], float]) -> float:
    found = minimize_scalar(lambda log_t: cost(float(np.exp(log_t))), bounds=_LOG_TEMPERATURE_BOUNDS, method="bounded")
    return float(np.exp(found.x))


def _platt(logits: npt.NDArray[np.float32], data: Dataset) -> tuple[float, float]:
    """Platt scaling of the categories other than each post's own: only there the secondary scores decide."""
    others = np.ones(logits.shape, bool)
    others[np.arange(len(data)), data.category] = False
    asked, truth = logits[others].astype(np.float64), data.passing[others]
    if truth.sum() == 0:  # nobody marked secondary categories: there is nothing to fit
        return 1.0, 0.0

    def cost(parameters: npt.NDArray[np.float64]) -> float:
        p = sigmoid(asked * np.exp(parameters[0]) + parameters[1])
        return float(-(truth * np.log(p + _TINY) + (1 - truth) * np.log(1 - p + _TINY)).mean())

    found = minimize(cost, np.zeros(2), method="Nelder-Mead")
    return float(np.exp(found.x[0])), float(found.x[1])
