"""What all metric families share: figures of posts, each post weighing as much as it is told to.

Most figures are functions of sums over posts: a family gives each post a row of contributions, and turns their totals
into figures. Those that depend on the order of scores are a family of ranks. One definition thus serves the figure
itself and, with the posts weighted by how often a resample drew them, thousands of bootstrap resamples at once.
Knows nothing of resampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

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


class Figures(Protocol):
    """Any family: what a slice's posts, weighted, amount to."""

    def weighted(self, weights: Floats) -> dict[str, Measured]:
        """The figures under weights `[..., posts]`, each `[...]`."""
        ...

    def measure(self) -> dict[str, Measured]:
        """The figures of the posts themselves."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """Figures that are computed from the same totals.

    Attributes:
        contributions: `[posts, totals]`, what each post adds; a row of zeros where the family has nothing to say.
        figures: From totals `[..., totals]` to figures by metric, each `[...]`.
    """

    contributions: Floats
    figures: Callable[[Floats], dict[str, Measured]]

    def weighted(self, weights: Floats) -> dict[str, Measured]:
        """The figures under weights `[..., posts]`, each `[...]`."""
        return self.figures(weights @ self.contributions)

    def measure(self) -> dict[str, Measured]:
        """The figures of the posts themselves."""
        return self.figures(self.contributions.sum(axis=0))


@dataclass(frozen=True, slots=True)
class RankFamily:
    """A figure that depends on the order in which a score puts the posts, equal scores standing together.

    Attributes:
        metric: Its name.
        scores: `[posts]`.
        marks: `[posts]`, 1 for the posts that are looked for, else 0.
        counted: `[posts]`, whether the figure speaks of the post at all.
        value: From how much weight each group of equal scores holds, and how much marked weight, the highest score
            first, both `[..., groups]`, to the figure `[...]`, NaN where it is undefined.
        n: From the same two to the posts that it speaks of, `[...]`.
    """

    metric: str
    scores: Floats
    marks: Floats
    counted: npt.NDArray[np.bool_]
    value: Callable[[Floats, Floats], Floats]
    n: Callable[[Floats, Floats], Floats]

    def weighted(self, weights: Floats) -> dict[str, Measured]:
        """The figure under weights `[..., posts]`, `[...]`."""
        held = np.flatnonzero(self.counted)
        order = held[np.argsort(-self.scores[held], kind="stable")]
        if not len(order):
            nothing = np.zeros(weights.shape[:-1])
            return {self.metric: Measured(nothing + np.nan, nothing)}
        ordered = self.scores[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        weight = weights[..., order]
        groups = np.add.reduceat(weight, starts, axis=-1)
        marked = np.add.reduceat(weight * self.marks[order], starts, axis=-1)
        return {self.metric: Measured(self.value(groups, marked), self.n(groups, marked))}

    def measure(self) -> dict[str, Measured]:
        """The figure of the posts themselves."""
        return self.weighted(np.ones(len(self.scores)))


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
