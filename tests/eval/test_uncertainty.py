from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.classification import classification
from eval.metrics.family import Family, Floats, Ints, Measured
from eval.metrics.selective import selective
from eval.uncertainty import MIN_STRATUM, Interval, bootstrap, pool_small

LABELS = ("a", "b", "c")


def _mean_of(values: Floats) -> Family:
    contributions = np.stack([values, np.ones_like(values)], axis=1)
    return Family(contributions, lambda totals: {"mean": Measured(totals[..., 0] / totals[..., 1], totals[..., 1])})


def _intervals(seed: int, posts: int = 60) -> dict[str, Interval]:
    random = np.random.default_rng(1)
    gold, predicted = random.integers(3, size=posts), random.integers(3, size=posts)
    family = classification(gold, predicted, LABELS)
    return bootstrap([family], gold, resamples=200, seed=seed, confidence_level=0.95)


def test_the_same_seed_gives_the_same_intervals_and_another_gives_others() -> None:
    assert _intervals(7) == _intervals(7)
    assert _intervals(7) != _intervals(8)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=30, max_size=60))
def test_the_interval_of_a_share_holds_the_share(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs, dtype=np.int64).T
    family = classification(gold, predicted, LABELS)
    found = bootstrap([family], gold, resamples=300, seed=0, confidence_level=0.95)["accuracy"]
    value = float(family.measure()["accuracy"].value)
    assert found.low is not None
    assert found.high is not None
    assert found.low - 1e-12 <= value <= found.high + 1e-12


def test_a_wider_level_gives_a_wider_interval() -> None:
    values = np.random.default_rng(0).normal(size=200)
    strata = np.zeros(200, dtype=np.int64)
    narrow = bootstrap([_mean_of(values)], strata, resamples=1000, seed=0, confidence_level=0.5)["mean"]
    wide = bootstrap([_mean_of(values)], strata, resamples=1000, seed=0, confidence_level=0.99)["mean"]
    assert wide.low is not None and narrow.low is not None and wide.low < narrow.low
    assert wide.high is not None and narrow.high is not None and wide.high > narrow.high


def test_the_interval_of_a_mean_is_about_what_theory_says() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap([_mean_of(values)], np.zeros(400, dtype=np.int64), resamples=4000, seed=0, confidence_level=0.95)[
        "mean"
    ]
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.low == pytest.approx(values.mean() - half, abs=0.01)
    assert found.high == pytest.approx(values.mean() + half, abs=0.01)


def test_what_only_differs_between_strata_does_not_vary() -> None:
    strata = np.repeat(np.array([0, 1]), 20)
    found = bootstrap([_mean_of(strata.astype(float))], strata, resamples=100, seed=0, confidence_level=0.95)["mean"]
    assert found.low == found.high == 0.5


def test_resamples_drawn_in_chunks_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.uncertainty._CHUNK", 600)
    seen: list[int] = []

    def figures(totals: Floats) -> dict[str, Measured]:
        seen.append(len(totals))
        return {"mean": Measured(totals[..., 0], totals[..., 0])}

    strata = np.zeros(60, dtype=np.int64)
    bootstrap([Family(np.ones((60, 1)), figures)], strata, resamples=25, seed=0, confidence_level=0.95)
    assert seen == [10, 10, 5]


def test_an_interval_is_withheld_where_too_many_resamples_are_undefined() -> None:
    # One post of forty is not for review: a third of the resamples has no rest at all.
    review = np.arange(40) > 0
    found = bootstrap(
        [selective(~review, review)], np.zeros(40, dtype=np.int64), resamples=400, seed=0, confidence_level=0.95
    )["error_among_rest"]
    assert (found.low, found.high) == (None, None)
    assert 100 < found.undefined < 200


def test_a_few_undefined_resamples_are_counted_and_left_out() -> None:
    review = np.arange(40) > 3  # four of forty: about 1.5 % of the resamples have no rest
    found = bootstrap(
        [selective(~review, review)], np.zeros(40, dtype=np.int64), resamples=400, seed=0, confidence_level=0.95
    )["error_among_rest"]
    assert 0 < found.undefined < 20
    assert found.low == found.high == 1.0


def test_small_strata_are_pooled() -> None:
    strata = np.array([3] * 9 + [0] * 2 + [1] * 4 + [2] * 7)
    pooled = pool_small(strata)
    assert len(set(pooled[:9])) == 1
    assert len(set(pooled[9:15])) == 1
    assert len(set(pooled[15:])) == 1
    assert len(set(pooled)) == 3


def test_a_single_post_of_its_stratum_is_not_drawn_as_if_it_were_certain() -> None:
    values = np.array([1.0, *[0.0] * 20])
    strata = np.array([1, *[0] * 20])
    found = bootstrap([_mean_of(values)], strata, resamples=500, seed=0, confidence_level=0.95)["mean"]
    assert found.low == 0.0
    assert found.high is not None and found.high > 1 / 21


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=60))
def test_no_stratum_is_small_after_pooling(strata: list[int]) -> None:
    pooled: Ints = pool_small(np.array(strata))
    _, sizes = np.unique(pooled, return_counts=True)
    assert sizes.min() >= min(MIN_STRATUM, len(strata))
