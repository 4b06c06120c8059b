"""Logits to calibrated probabilities. Knows nothing of labels' names or thresholds.

Categories: temperature scaling (Guo et al. 2017, arXiv 1706.04599). Secondary: Platt scaling with one
scale and shift for all categories. Urgency: conditional ordinal logits (CORN, Shi et al. 2021, arXiv 2111.08851)
with a temperature; differences of their running products are never negative, so levels keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from earshot.session import Float, Logits

Probabilities = npt.NDArray[np.float64]


class Calibration(BaseModel):
    """What training learned about the network's over- or under-confidence.

    Attributes:
        category_temperature: Divides category logits before the softmax.
        secondary_scale: Multiplies secondary logits before the sigmoid.
        secondary_shift: Is added to the scaled secondary logits.
        urgency_temperature: Divides urgency logits before the sigmoid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    category_temperature: float = Field(default=1.0, gt=0)
    secondary_scale: float = Field(default=1.0, gt=0)
    secondary_shift: float = 0.0
    urgency_temperature: float = Field(default=1.0, gt=0)

    def apply(self, logits: Logits) -> Scores:
        """Turn logits into probabilities; ranking within each head stays.

        All arithmetic is float64: in float32, a division can make two different logits equal.
        """
        category, secondary = logits.category.astype(np.float64), logits.secondary.astype(np.float64)
        urgency = None if logits.urgency is None else logits.urgency.astype(np.float64)
        return Scores(
            category=softmax(category / self.category_temperature),
            secondary=sigmoid(secondary * self.secondary_scale + self.secondary_shift),
            urgency=None if urgency is None else ordinal(urgency / self.urgency_temperature),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """Calibrated probabilities.

    Attributes:
        category: `[posts, categories]`, rows sum to 1.
        secondary: `[posts, categories]`, each by itself in [0, 1].
        urgency: `[posts, urgencies]`, rows sum to 1; None without urgencies.
    """

    category: Probabilities
    secondary: Probabilities
    urgency: Probabilities | None


def softmax(logits: Float | Probabilities) -> Probabilities:
    """Softmax over the last axis, in float64 so that rows sum to 1 within 1e-12."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials: Probabilities = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def sigmoid(logits: Float | Probabilities) -> Probabilities:
    """Logistic function without overflow, in float64."""
    positive = np.exp(-np.abs(logits.astype(np.float64)))
    return np.asarray(np.where(logits >= 0, 1.0, positive) / (1.0 + positive))


def ordinal(logits: Float | Probabilities) -> Probabilities:
    """Level probabilities from conditional logits.

    Args:
        logits: `[posts, levels - 1]`, logit k of P(level > k given level > k - 1).

    Returns:
        `[posts, levels]`, rows sum to 1.
    """
    above = np.cumprod(sigmoid(logits), axis=-1)
    ones, zeros = np.ones_like(above[..., :1]), np.zeros_like(above[..., :1])
    return np.asarray(np.concatenate([ones, above], axis=-1) - np.concatenate([above, zeros], axis=-1))
