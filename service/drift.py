"""How far what is said lately is from what the model said of its training posts. Knows nothing of how it is told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from earshot import Prediction
from earshot.reference import Reference, confidence_bin, stability_index

WINDOW = 2000
"""Predictions that are looked at: the latest."""
_ENOUGH = 200
"""Fewer say more of chance than of drift."""


class Drift:
    """Counts the latest predictions.

    Args:
        reference: What they are compared with.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._latest: deque[tuple[str, str, str]] = deque(maxlen=WINDOW)

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Look at some more."""
        self._latest.extend(
            (each.category, each.urgency or "", confidence_bin(each.confidence)) for each in predictions
        )

    def indices(self) -> dict[str, float]:
        """The population stability index of each distribution; none before there is enough to say."""
        if len(self._latest) < _ENOUGH:
            return {}
        categories, urgencies, confidences = zip(*self._latest, strict=True)
        indices = {
            "category": stability_index(self._reference.category, Counter(categories)),
            "confidence": stability_index(self._reference.confidence, Counter(confidences)),
        }
        if self._reference.urgency:
            indices["urgency"] = stability_index(self._reference.urgency, Counter(urgencies))
        return indices
