from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from eval.metrics.family import Floats, Ints
from eval.metrics.ranking import ranking

LABELS = ("a", "b", "c")


@st.composite
def judged(draw: st.DrawFn) -> tuple[Ints, Floats, Floats]:
    """Gold, scores with many ties, and whole weights as a resample gives them, not all of them zero."""
    n = draw(st.integers(1, 40))
    gold = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    raw = draw(st.lists(st.tuples(*[st.integers(1, 4)] * 3), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any))
    scores = np.array(raw, dtype=np.float64)
    return np.array(gold), scores / scores.sum(axis=1, keepdims=True), np.array(weights, dtype=np.float64)


@settings(max_examples=60)
@given(judged())
def test_average_precision_agrees_with_scikit_learn_under_any_weights(case: tuple[Ints, Floats, Floats]) -> None:
    gold, scores, weights = case
    found = ranking(gold, scores, LABELS).weighted(weights)
    known = []
    for index, label in enumerate(LABELS):
        positive = gold == index
        value = found[f"average_precision[{label}]"].value
        if not weights[positive].sum():
            assert np.isnan(value)
            continue
        drawn = weights > 0
        expected = average_precision_score(positive[drawn], scores[drawn, index], sample_weight=weights[drawn])
        assert value == pytest.approx(expected, abs=1e-9)
        known.append(expected)
    assert found["mean_average_precision"].value == pytest.approx(np.mean(known), abs=1e-9)


def test_many_resamples_at_once_are_as_one_by_one() -> None:
    random = np.random.default_rng(0)
    gold, scores = random.integers(3, size=50), random.dirichlet(np.ones(3), size=50)
    weights = random.integers(3, size=(7, 50)).astype(np.float64)
    family = ranking(gold, scores, LABELS)
    together = family.weighted(weights)["mean_average_precision"].value
    assert together == pytest.approx(
        np.array([family.weighted(row)["mean_average_precision"].value for row in weights])
    )


def test_a_perfect_order_scores_one_and_a_rejected_post_comes_last() -> None:
    gold = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1, 0.0], [0.0, 0.0, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0]])
    found = ranking(gold, scores, LABELS).measure()
    assert found["average_precision[b]"].value == 1.0
    assert found["average_precision[a]"].value == pytest.approx((1 + 2 / 4) / 2)
    assert np.isnan(found["average_precision[c]"].value)
