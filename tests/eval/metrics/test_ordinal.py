from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from eval.metrics.family import Ints
from eval.metrics.ordinal import ordinal

LEVELS = 4
KAPPA, DISTANCE = "urgency_quadratic_kappa", "urgency_mean_absolute_error"
PAIRS = st.lists(st.tuples(st.integers(0, LEVELS - 1), st.integers(0, LEVELS - 1)), min_size=1, max_size=60)


def _values(gold: Ints, predicted: Ints) -> dict[str, float]:
    return {name: float(one.value) for name, one in ordinal(gold, predicted, LEVELS).measure().items()}


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_figures_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs, dtype=np.int64).T
    values = _values(gold, predicted)
    distance = sklearn_metrics.mean_absolute_error(gold, predicted)
    assert values[DISTANCE] == pytest.approx(distance, abs=1e-12)
    if len({*gold.tolist(), *predicted.tolist()}) == 1:
        assert np.isnan(values[KAPPA])
    else:
        labels = list(range(LEVELS))
        kappa = sklearn_metrics.cohen_kappa_score(gold, predicted, weights="quadratic", labels=labels)
        assert values[KAPPA] == pytest.approx(kappa, abs=1e-12)


def test_a_worked_example() -> None:
    # Squared distances: observed 0 + 1 + 0 + 1; by chance every gold level against every predicted one.
    gold, predicted = np.array([0, 0, 3, 3]), np.array([0, 1, 3, 2])
    by_chance = sum((a - b) ** 2 for a in gold.tolist() for b in predicted.tolist()) / 4
    assert _values(gold, predicted) == pytest.approx({KAPPA: 1 - 2 / by_chance, DISTANCE: 0.5})


def test_perfect_predictions_score_one() -> None:
    gold = np.array([0, 1, 2, 3])
    assert _values(gold, gold) == {KAPPA: 1.0, DISTANCE: 0.0}


@pytest.mark.parametrize(("level", "distance"), [(0, 3), (1, 2), (2, 2), (3, 3)])
def test_a_post_without_prediction_is_as_far_off_as_can_be(level: int, distance: int) -> None:
    assert _values(np.array([level]), np.array([LEVELS]))[DISTANCE] == distance


def test_a_post_without_gold_level_is_not_counted() -> None:
    with_one_more = ordinal(np.array([0, 2, -1]), np.array([1, 2, 3]), LEVELS).measure()
    assert with_one_more[KAPPA] == ordinal(np.array([0, 2]), np.array([1, 2]), LEVELS).measure()[KAPPA]
    assert with_one_more[DISTANCE].n == 2
