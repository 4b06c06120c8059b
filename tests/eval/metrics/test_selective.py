from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.selective import area_under_risk_coverage, risk_coverage, selective

POSTS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=40)


def test_review_share_and_error_among_the_rest() -> None:
    wrong = np.array([True, True, False, False, False])
    review = np.array([True, False, False, False, True])
    measured = selective(wrong, review).measure()
    share, error = measured["review_share"], measured["error_among_rest"]
    assert [float(share.value), float(share.n)] == [2 / 5, 5]
    assert [float(error.value), float(error.n)] == [1 / 3, 3]


def test_without_a_rest_its_error_is_undefined() -> None:
    measured = selective(np.array([True]), np.array([True])).measure()
    assert measured["review_share"].value == 1.0
    assert np.isnan(measured["error_among_rest"].value)


@settings(max_examples=60)
@given(POSTS)
def test_the_area_is_the_mean_risk_at_each_posts_own_threshold(posts: list[tuple[bool, int, int]]) -> None:
    wrong, confidence, weights = (np.array(column) for column in zip(*posts, strict=True))
    found = area_under_risk_coverage(wrong, confidence / 6).weighted(weights.astype(np.float64))["aurc"]
    # By the definition: repeat each post as often as it weighs, and look at each threshold by itself.
    expanded = [(bool(w), int(c)) for w, c, times in zip(wrong, confidence, weights, strict=True) for _ in range(times)]
    if not expanded:
        assert np.isnan(found.value)
        return
    risks = [np.mean([w for w, c in expanded if c >= own]) for _, own in expanded]
    assert found.value == pytest.approx(float(np.mean(risks)), abs=1e-9)
    assert found.n == len(expanded)


def test_the_area_of_a_worked_example() -> None:
    # Risks at coverage 1/4 … 4/4: 0, 1/2, 1/3, 1/2.
    wrong = np.array([False, True, False, True])
    found = area_under_risk_coverage(wrong, np.array([0.9, 0.8, 0.7, 0.6])).measure()["aurc"]
    assert found.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, abs=1e-12)


def test_a_confidence_that_says_nothing_gives_the_error_rate() -> None:
    wrong = np.array([True, False, False, False])
    assert area_under_risk_coverage(wrong, np.full(4, 0.5)).measure()["aurc"].value == 0.25


def test_the_curve_ends_at_all_posts_with_the_error_rate() -> None:
    random = np.random.default_rng(0)
    wrong, confidence = random.random(1000) < 0.2, random.random(1000)
    points = risk_coverage(wrong, confidence)
    assert len(points) == 200
    assert points[-1].coverage == 1.0
    assert points[-1].risk == pytest.approx(wrong.mean())
    assert [point.n for point in points] == sorted(point.n for point in points)


def test_posts_of_equal_confidence_are_one_point() -> None:
    points = risk_coverage(np.array([True, False, False]), np.array([0.9, 0.9, 0.4]))
    assert [(point.threshold, point.n) for point in points] == [(0.9, 2), (0.4, 3)]
    assert [point.risk for point in points] == pytest.approx([1 / 2, 1 / 3])
