from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.family import Ints
from eval.metrics.triage import triage

LEVELS = 4
UNDER, OVER, MISSED = "urgency_under_triage", "urgency_over_triage", "urgency_critical_missed"
PAIRS = st.lists(st.tuples(st.integers(0, LEVELS - 1), st.integers(0, LEVELS - 1)), min_size=1, max_size=60)


def _values(gold: Ints, predicted: Ints) -> dict[str, float]:
    return {name: float(one.value) for name, one in triage(gold, predicted, LEVELS).measure().items()}


def test_a_worked_example() -> None:
    gold, predicted = np.array([3, 3, 3, 3, 2, 1, 0]), np.array([3, 2, 1, 0, 1, 2, 0])
    assert _values(gold, predicted) == pytest.approx({UNDER: 4 / 7, OVER: 1 / 7, MISSED: 0.5})


@given(PAIRS)
def test_a_post_is_too_low_too_high_or_right(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs, dtype=np.int64).T
    values = _values(gold, predicted)
    assert values[UNDER] + values[OVER] + np.mean(gold == predicted) == pytest.approx(1, abs=1e-9)


def test_without_a_critical_post_nothing_is_known_of_those_missed() -> None:
    found = triage(np.array([0, 1, 2]), np.array([0, 0, 0]), LEVELS).measure()[MISSED]
    assert np.isnan(found.value)
    assert found.n == 0


def test_a_critical_post_without_prediction_is_missed() -> None:
    assert _values(np.array([3]), np.array([LEVELS])) == {UNDER: 1.0, OVER: 0.0, MISSED: 1.0}


def test_a_post_without_gold_level_is_not_counted() -> None:
    found = triage(np.array([-1, 2]), np.array([0, 1]), LEVELS).measure()
    assert found[UNDER].value == 1.0
    assert found[UNDER].n == 1
