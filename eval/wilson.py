"""The interval of a share of independent cases."""

from __future__ import annotations

from scipy import stats


def wilson(hits: int, n: int, confidence_level: float) -> tuple[float, float]:
    """The Wilson interval of a share.

    Args:
        hits: How many of them.
        n: Of how many, at least 1.
        confidence_level: Such as 0.95.
    """
    interval = stats.binomtest(hits, n).proportion_ci(confidence_level, method="wilson")
    return float(interval.low), float(interval.high)
