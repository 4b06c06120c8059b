"""What a model says of the posts that it was trained for, in shares: what is served later is compared with it.

Knows nothing of models; it is made from predictions, and lies in the bundle.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from earshot.post import Prediction

CONFIDENCE_BINS = 10
_LEAST_SHARE = 1e-4
"""A label that one side never saw counts as this share, so that the index stays finite."""


class Reference(BaseModel):
    """Shares of predictions.

    Attributes:
        source: Which posts were judged, such as file names.
        n: How many.
        category: Share of each category.
        urgency: Share of each urgency; empty without urgencies.
        confidence: Share of each tenth of confidence, named by its lower end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str
    n: int = Field(ge=1)
    category: dict[str, float]
    urgency: dict[str, float]
    confidence: dict[str, float]

    @classmethod
    def of(cls, predictions: Iterable[Prediction], *, source: str) -> Self:
        """Count predictions, at least one."""
        counted = list(predictions)
        return cls(
            source=source,
            n=len(counted),
            category=_shares(Counter(prediction.category for prediction in counted)),
            urgency=_shares(Counter(prediction.urgency for prediction in counted if prediction.urgency is not None)),
            confidence=_shares(Counter(confidence_bin(prediction.confidence) for prediction in counted)),
        )


def confidence_bin(confidence: float) -> str:
    """The tenth that a confidence lies in, named by its lower end."""
    return f"{min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1) / CONFIDENCE_BINS:.1f}"


def stability_index(reference: Mapping[str, float], observed: Mapping[str, int]) -> float:
    """The population stability index: how far counts are from shares, 0 when they agree.

    The sum of (observed - reference) * ln(observed / reference) over all names. By custom, below 0.1 is stable, and
    over 0.25 has shifted.

    Args:
        reference: Shares that sum to 1.
        observed: Counts, at least one above 0.
    """
    total = sum(observed.values())
    index = 0.0
    for name in reference.keys() | observed.keys():
        expected = max(reference.get(name, 0.0), _LEAST_SHARE)
        found = max(observed.get(name, 0) / total, _LEAST_SHARE)
        index += (found - expected) * math.log(found / expected)
    return index


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: round(count / total, 6) for name, count in sorted(counts.items())}
