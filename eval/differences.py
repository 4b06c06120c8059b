"""Two models on the same posts: McNemar's test, randomization tests, paired bootstrap, Holm. Knows nothing of files.

A p-value comes from a test that is exact for any number of posts: McNemar's for right and wrong, and for every other
figure a randomization test, which swaps the two models' answers post by post (Yeh 2000, "More accurate tests for the
statistical significance of result differences"). How large a difference is comes from the paired bootstrap: both
models on the same resampled posts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from eval.metrics import lower_is_better
from eval.metrics.family import Family, Figures, Floats, Ints
from eval.uncertainty import percentile_interval, pool_small, resample_weights

ALPHA = 0.05
"""The share of tests on equal models that may err."""
POWER = 0.8
"""The share of true differences of the stated size that a test finds."""
RULE_OF_THREE = 3.0
"""A loss seen on none of n posts may still, with 95 % confidence, be one on 3 / n of all posts."""

_ROUNDING = 1e-12


class McNemar(BaseModel):
    """Posts on which exactly one of two models is right (McNemar 1947, the exact binomial form).

    Attributes:
        champion_only: Posts that only the champion has right.
        challenger_only: Posts that only the challenger has right.
        n: All posts.
        p: Two-sided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    champion_only: int
    challenger_only: int
    n: int
    p: float


class Difference(BaseModel):
    """How a figure differs between two models on the same posts.

    Attributes:
        metric: Such as `macro_f1`.
        n: Posts that it speaks of: the fewer of the two, where they differ.
        champion: The figure of the champion.
        challenger: The figure of the challenger.
        difference: Challenger less champion.
        low: Lower end of its interval; None where it is withheld.
        high: Upper end.
        standard_error: Of the difference; None where the interval is withheld.
        loss_at_least: One-sided limit of how much worse the challenger is, negative where it is better.
        loss_at_most: The other one-sided limit.
        minimum_detectable: The smallest true difference that a test on so many posts finds in four of five cases;
            None where not one resample differs.
        bearable_margin: The smallest margin within which equal models would be shown to be in four of five cases.
        p: Of the test that the models are equal, two-sided; None where it was not tested.
        p_adjusted: The same after Holm's correction for all the tests made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    n: int
    champion: float
    challenger: float
    difference: float
    low: float | None
    high: float | None
    standard_error: float | None
    loss_at_least: float | None
    loss_at_most: float | None
    minimum_detectable: float | None
    bearable_margin: float | None
    p: float | None = None
    p_adjusted: float | None = None

    @property
    def loss(self) -> float:
        """How much worse the challenger is, in the metric's own unit; negative where it is better."""
        return self.difference if lower_is_better(self.metric) else -self.difference

    def significant(self, alpha: float = ALPHA) -> bool:
        """Whether the models are shown to differ."""
        return self.p_adjusted is not None and self.p_adjusted < alpha

    def worse(self, alpha: float = ALPHA) -> bool:
        """Whether the challenger is shown to be worse."""
        return self.significant(alpha) and self.loss > 0

    def better(self, alpha: float = ALPHA) -> bool:
        """Whether the challenger is shown to be better."""
        return self.significant(alpha) and self.loss < 0


def said_p(p: float) -> str:
    """A p-value for people: none is exactly 0, and far below any level its digits say nothing."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def related_p(p: float) -> str:
    """The same within a sentence: `p = 0.012`, `p < 0.001`."""
    said = said_p(p)
    return f"p {said}" if said.startswith("<") else f"p = {said}"


def mcnemar(champion_right: Sequence[bool] | np.ndarray, challenger_right: Sequence[bool] | np.ndarray) -> McNemar:
    """McNemar's exact test.

    Args:
        champion_right: `[posts]`.
        challenger_right: `[posts]`, of the same posts.
    """
    champion, challenger = np.asarray(champion_right, dtype=bool), np.asarray(challenger_right, dtype=bool)
    lost, won = int((champion & ~challenger).sum()), int((~champion & challenger).sum())
    p = float(stats.binomtest(lost, lost + won).pvalue) if lost + won else 1.0
    return McNemar(champion_only=lost, challenger_only=won, n=len(champion), p=min(p, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the chance that any test errs stays below the level.

    Args:
        p_values: Of all tests made.

    Returns:
        The adjusted p-values, in the same order.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order]), 1.0)
    result = np.empty(len(p_values))
    result[order] = adjusted
    return [float(value) for value in result]


def randomization_tests(
    champion: Sequence[Family], challenger: Sequence[Family], metrics: Sequence[str], *, draws: int, seed: int
) -> dict[str, float]:
    """How often chance alone sets two equal models so far apart: two-sided p-values.

    Args:
        champion: Families of sums over posts.
        challenger: The same families of the other model, on the same posts.
        metrics: Which figures to test; those that are undefined for one of the models are left out.
        draws: How many times the models' answers are swapped at random, post by post.
        seed: The same seed gives the same p-values.

    Returns:
        By metric, at least 1 / (draws + 1).
    """
    found: dict[str, float] = {}
    for one, other in zip(champion, challenger, strict=True):
        before, after = one.measure(), other.measure()
        observed = {name: float(after[name].value - before[name].value) for name in before if name in metrics}
        observed = {name: value for name, value in observed.items() if not np.isnan(value)}
        if observed:
            found |= _swapped(one, other, observed, draws, np.random.default_rng(seed))
    return found


def _swapped(
    one: Family, other: Family, observed: Mapping[str, float], draws: int, random: np.random.Generator
) -> dict[str, float]:
    moved = other.contributions - one.contributions
    moved = moved[(moved != 0).any(axis=1)]
    swapped = random.integers(2, size=(draws, len(moved))).astype(np.float64) @ moved
    first = one.figures(one.contributions.sum(axis=0) + swapped)
    second = one.figures(other.contributions.sum(axis=0) - swapped)
    found = {}
    for name, value in observed.items():
        # Draws in which a figure is undefined count against significance.
        apart = np.nan_to_num(np.abs(second[name].value - first[name].value), nan=np.inf)
        found[name] = float((1 + (apart >= abs(value) - _ROUNDING).sum()) / (draws + 1))
    return found


def paired_differences(
    champion: Sequence[Figures],
    challenger: Sequence[Figures],
    strata: Ints,
    *,
    resamples: int,
    seed: int,
    confidence_level: float = 0.95,
) -> dict[str, Difference]:
    """How every figure differs, with a paired stratified bootstrap.

    Args:
        champion: Any families.
        challenger: The same families of the other model, on the same posts.
        strata: `[posts]`, the stratum of each post.
        resamples: How many to draw.
        seed: The same seed gives the same intervals.
        confidence_level: Of the two-sided interval; the one-sided limits leave out 5 %.
    """
    before, after = _measured(champion), _measured(challenger)
    shared = [
        name for name in before if name in after and not np.isnan(before[name][0]) and not np.isnan(after[name][0])
    ]
    drawn: dict[str, list[Floats]] = {name: [] for name in shared}
    for weights in resample_weights(pool_small(strata), resamples, np.random.default_rng(seed)):
        for name, value in _resampled(champion, challenger, weights):
            if name in drawn:
                drawn[name].append(value)
    return {
        name: _difference(name, before[name], after[name], np.concatenate(drawn[name]), confidence_level)
        for name in shared
    }


def _measured(families: Sequence[Figures]) -> dict[str, tuple[float, int]]:
    return {
        name: (float(measured.value), int(measured.n))
        for family in families
        for name, measured in family.measure().items()
    }


def _resampled(
    champion: Sequence[Figures], challenger: Sequence[Figures], weights: Floats
) -> Iterator[tuple[str, Floats]]:
    for one, other in zip(champion, challenger, strict=True):
        before, after = one.weighted(weights), other.weighted(weights)
        for name in before:
            if name in after:
                yield name, after[name].value - before[name].value


def _difference(
    metric: str, before: tuple[float, int], after: tuple[float, int], drawn: Floats, level: float
) -> Difference:
    n = min(before[1], after[1])
    interval, one_sided = percentile_interval(drawn, level), percentile_interval(drawn, 1 - 2 * ALPHA)
    error = None if interval.low is None else float(np.nanstd(drawn, ddof=1))
    ends = (one_sided.low, one_sided.high)
    if not lower_is_better(metric):
        ends = (_negative(ends[1]), _negative(ends[0]))
    return Difference(
        metric=metric,
        n=n,
        champion=before[0],
        challenger=after[0],
        difference=after[0] - before[0],
        low=interval.low,
        high=interval.high,
        standard_error=error,
        loss_at_least=ends[0],
        loss_at_most=ends[1],
        minimum_detectable=_detectable(error, ALPHA / 2) or None,
        bearable_margin=None if error is None else max(_detectable(error, ALPHA) or 0.0, RULE_OF_THREE / max(n, 1)),
    )


def _detectable(error: float | None, tail: float) -> float | None:
    return None if error is None else float((stats.norm.isf(tail) + stats.norm.isf(1 - POWER)) * error)


def _negative(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
