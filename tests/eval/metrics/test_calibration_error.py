from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from eval.metrics.calibration_error import BINS, calibration_error, reliability
from eval.metrics.family import Floats, Ints

CATEGORIES = 3


def _random(seed: int, posts: int) -> tuple[Ints, Ints, Floats]:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(CATEGORIES), size=posts)
    return random.integers(CATEGORIES, size=posts), scores.argmax(axis=1), scores


def _values(gold: Ints, predicted: Ints, scores: Floats) -> dict[str, float]:
    return {name: float(one.value) for name, one in calibration_error(gold, predicted, scores).measure().items()}


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 80))
def test_figures_agree_with_scikit_learn_and_the_textbook(seed: int, posts: int) -> None:
    gold, predicted, scores = _random(seed, posts)
    values = _values(gold, predicted, scores)
    labels = list(range(CATEGORIES))
    brier = sklearn_metrics.brier_score_loss(gold, scores, labels=labels, scale_by_half=False)
    assert values["brier"] == pytest.approx(brier, abs=1e-12)
    confidence, hit = scores.max(axis=1), predicted == gold
    ece = 0.0
    for index in range(BINS):
        inside = (confidence > index / BINS) & (confidence <= (index + 1) / BINS)
        if inside.any():
            ece += inside.mean() * abs(confidence[inside].mean() - hit[inside].mean())
    assert values["ece"] == pytest.approx(ece, abs=1e-12)


def test_certain_and_right_is_perfect_and_certain_and_wrong_is_worst() -> None:
    certain = np.array([[1.0, 0.0, 0.0]])
    assert _values(np.array([0]), np.array([0]), certain) == {"ece": 0.0, "brier": 0.0}
    assert _values(np.array([1]), np.array([0]), certain) == {"ece": 1.0, "brier": 2.0}


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    edge = np.linspace(0, 1, BINS + 1)[9]
    scores = np.array([[edge, 1 - edge, 0.0]])
    (found,) = reliability(np.array([0]), np.array([0]), scores, confidence_level=0.95)
    assert found.high == pytest.approx(edge)


def test_the_reliability_curve_holds_only_bins_with_posts() -> None:
    scores = np.array([[0.9, 0.1, 0.0]] * 4 + [[0.2, 0.35, 0.45]])
    gold, predicted = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 0, 0, 2])
    low, high = reliability(gold, predicted, scores, confidence_level=0.95)
    assert (low.n, low.accuracy) == (1, 1.0)
    assert (high.n, high.accuracy) == (4, 0.75)
    assert high.confidence == pytest.approx(0.9)
    # Wilson's interval of 3 in 4, as published tables have it.
    assert [high.accuracy_low, high.accuracy_high] == pytest.approx([0.3006, 0.9544], abs=1e-4)


def test_a_post_without_scores_is_not_counted_and_the_n_says_so() -> None:
    scores = np.array([[0.8, 0.2, 0.0], [0.0, 0.0, 0.0]])
    measured = calibration_error(np.array([0, 1]), np.array([0, CATEGORIES]), scores).measure()
    assert measured["ece"].n == measured["brier"].n == 1
    assert measured["ece"].value == pytest.approx(0.2)


def test_without_any_scores_the_figures_are_undefined() -> None:
    measured = calibration_error(np.array([0]), np.array([CATEGORIES]), np.zeros((1, CATEGORIES))).measure()
    assert np.isnan(measured["ece"].value)
    assert np.isnan(measured["brier"].value)
