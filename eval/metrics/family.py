"""What all metric families share: every figure is a function of sums over posts.

A family gives each post a row of contributions, and turns their totals into figures. One definition thus serves
the figure itself and, with the posts weighted by how often a resample drew them, thousands of bootstrap resamples
at once. Knows nothing of resampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Measured(NamedTuple):
    """One figure, for one or many sets of totals.

    Attributes:
        value: `[...]`; NaN where it is undefined.
        n: `[...]`, the posts that it speaks of.
    """

    value: Floats
    n: Floats


@dataclass(frozen=True, slots=True)
class Family:
    """Figures that are computed from the same totals.

    Attributes:
        contributions: `[posts, totals]`, what each post adds; a row of zeros where the family has nothing to say.
        figures: From totals `[..., totals]` to figures by metric, each `[...]`.
    """

    contributions: Floats
    figures: Callable[[Floats], dict[str, Measured]]

    def measure(self) -> dict[str, Measured]:
        """The figures of the posts themselves."""
        return self.figures(self.contributions.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Definition:
    """What a metric is, for people.

    Attributes:
        title: Its name in reports.
        says: How it is computed, in a sentence or two.
        lower_is_better: Whether less is better.
    """

    title: str
    says: str
    lower_is_better: bool = False


def one_hot(indices: Ints, size: int) -> Floats:
    """Mark each index in a row of zeros; an index outside `[0, size)` marks nothing.

    Args:
        indices: `[posts]`.
        size: Columns.

    Returns:
        `[posts, size]`.
    """
    return np.asarray(indices[:, np.newaxis] == np.arange(size), dtype=np.float64)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; where the denominator is zero the result is undefined: NaN."""
    undefined = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator != 0))
