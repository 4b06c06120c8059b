"""Seeded stratified bootstrap: percentile intervals for every figure of any metric families at once.

Each resample draws, within each stratum, as many posts as it has, with replacement. A stratum of one post would
always be drawn the same, as if it were known for certain, so small strata are pooled. A resample is a row of weights:
how often it drew each post. Knows nothing of what the figures mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.family import Figures, Floats, Ints

_CHUNK = 2_000_000
"""Weights held at once, so that a large data file needs no more memory than a small one."""
MIN_STRATUM = 5
"""Strata of fewer posts are pooled."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval.

    Attributes:
        low: Lower end; None when it is withheld.
        high: Upper end; None when it is withheld.
        undefined: Resamples in which the figure is undefined. The interval is that of the others; where the
            undefined ones are more than the tails that it cuts off, it is withheld.
    """

    low: float | None
    high: float | None
    undefined: int


def bootstrap(
    families: Sequence[Figures], strata: Ints, *, resamples: int, seed: int, confidence_level: float
) -> dict[str, Interval]:
    """Intervals for every figure of the families, from the same resamples.

    Args:
        families: All of the same posts.
        strata: `[posts]`, the stratum of each post.
        resamples: How many to draw.
        seed: The same seed gives the same intervals.
        confidence_level: Such as 0.95.
    """
    drawn: dict[str, list[Floats]] = {}
    for weights in resample_weights(pool_small(strata), resamples, np.random.default_rng(seed)):
        for family in families:
            for metric, measured in family.weighted(weights).items():
                drawn.setdefault(metric, []).append(measured.value)
    return {metric: percentile_interval(np.concatenate(values), confidence_level) for metric, values in drawn.items()}


def pool_small(strata: Ints) -> Ints:
    """Make one stratum of those with fewer than `MIN_STRATUM` posts, and of the next smallest until it is not small.

    Args:
        strata: `[posts]`, the stratum of each post.

    Returns:
        `[posts]`, the stratum of each post, no stratum small unless all posts together are.
    """
    names, inverse, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    by_size = np.argsort(sizes, kind="stable")
    pooled_posts = np.cumsum(sizes[by_size])
    small = sizes[by_size] < MIN_STRATUM
    if not small.any():
        return inverse
    last = max(int(small.sum()), int(np.searchsorted(pooled_posts, MIN_STRATUM)) + 1)
    stratum = np.arange(len(names))
    stratum[by_size[:last]] = by_size[0]
    return np.asarray(stratum[inverse])


def resample_weights(strata: Ints, resamples: int, random: np.random.Generator) -> Iterator[Floats]:
    """How often each resample drew each post: `[some of the resamples, posts]` at a time.

    Args:
        strata: `[posts]`, the stratum of each post, as `pool_small` gives them.
        resamples: How many to draw.
        random: Where chance comes from.
    """
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    chunk = max(1, _CHUNK // len(strata))
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        weights = np.zeros((count, len(strata)))
        for member in members:
            size = len(member)
            draws = random.integers(size, size=(count, size)) + size * np.arange(count)[:, np.newaxis]
            weights[:, member] = np.bincount(draws.ravel(), minlength=count * size).reshape(count, size)
        yield weights


def percentile_interval(values: Floats, confidence_level: float) -> Interval:
    """The middle of what resamples gave.

    Args:
        values: `[resamples]`, NaN where the figure is undefined.
        confidence_level: Such as 0.95.
    """
    defined = values[~np.isnan(values)]
    undefined = len(values) - len(defined)
    if undefined > (1 - confidence_level) * len(values):
        return Interval(None, None, undefined)
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high), undefined)
