from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pydantic import ValidationError

from earshot.calibration import Calibration, ordinal, sigmoid, softmax
from earshot.session import Float, Logits

TEMPERATURES = st.floats(0.05, 20)
CALIBRATIONS = st.builds(
    Calibration,
    category_temperature=TEMPERATURES,
    secondary_scale=TEMPERATURES,
    secondary_shift=st.floats(-10, 10),
    urgency_temperature=TEMPERATURES,
)


def logits(columns: int, bound: float = 30) -> st.SearchStrategy[Float]:
    return npst.arrays(np.float32, (3, columns), elements=st.floats(-bound, bound, width=32))


def apply(calibration: Calibration, values: Float) -> dict[str, np.ndarray]:
    scores = calibration.apply(Logits(category=values, secondary=values, urgency=values))
    assert scores.urgency is not None
    return {"category": scores.category, "secondary": scores.secondary, "urgency": scores.urgency}


@given(CALIBRATIONS, logits(6))
def test_calibration_keeps_the_ranking(calibration: Calibration, values: Float) -> None:
    scores = apply(calibration, values)
    for head in ("category", "secondary"):
        for row, given_row in zip(scores[head], values, strict=True):
            order = np.argsort(given_row, kind="stable")
            assert np.all(np.diff(row[order]) >= 0)


@given(CALIBRATIONS, logits(6, bound=1e4))
def test_probabilities_sum_to_one_and_are_none_below_zero(calibration: Calibration, values: Float) -> None:
    scores = apply(calibration, values)
    for head in ("category", "urgency"):
        assert np.all(scores[head] >= 0)
        np.testing.assert_allclose(scores[head].sum(axis=1), 1, atol=1e-12)
    assert np.all((scores["secondary"] >= 0) & (scores["secondary"] <= 1))


@given(CALIBRATIONS, logits(4), st.integers(0, 3), st.floats(0, 30, width=32))
def test_a_higher_logit_never_lowers_its_own_category(
    calibration: Calibration, values: Float, column: int, more: float
) -> None:
    raised = values.copy()
    raised[:, column] += np.float32(more)
    before, after = apply(calibration, values), apply(calibration, raised)
    assert np.all(after["category"][:, column] >= before["category"][:, column] - 1e-12)


@given(TEMPERATURES, logits(3))
def test_the_chance_to_exceed_a_level_falls_with_the_level(temperature: float, values: Float) -> None:
    exceeding = 1 - np.cumsum(ordinal(values / np.float32(temperature)), axis=1)
    assert np.all(np.diff(exceeding, axis=1) <= 1e-12)


def test_ordinal_logits_are_conditional_chances() -> None:
    # Even odds to exceed the first level, then even odds to exceed the second.
    np.testing.assert_allclose(ordinal(np.zeros((1, 2), np.float32)), [[0.5, 0.25, 0.25]])


def test_a_temperature_above_one_makes_less_certain() -> None:
    values = np.array([[2.0, 0.0, -1.0]], np.float32)
    sure = apply(Calibration(), values)["category"]
    unsure = apply(Calibration(category_temperature=3), values)["category"]
    np.testing.assert_allclose(sure, softmax(values))
    assert sure[0, 0] > unsure[0, 0] > 1 / 3


def test_different_logits_do_not_become_equal() -> None:
    one, next_one = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    scores = apply(Calibration(category_temperature=1.37), np.array([[one, next_one]], np.float32))
    assert scores["category"][0, 0] < scores["category"][0, 1]


def test_extreme_logits_do_not_overflow() -> None:
    values = np.array([[3e38, -3e38, 0]], np.float32)
    np.testing.assert_array_equal(softmax(values), [[1, 0, 0]])
    np.testing.assert_array_equal(sigmoid(values), [[1, 0, 0.5]])
    np.testing.assert_array_equal(ordinal(values), [[0, 1, 0, 0]])


def test_without_urgency_logits_there_are_no_urgency_scores() -> None:
    values = np.zeros((1, 2), np.float32)
    assert Calibration().apply(Logits(category=values, secondary=values, urgency=None)).urgency is None


@pytest.mark.parametrize("name", ["category_temperature", "secondary_scale", "urgency_temperature"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_would_turn_the_ranking_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Calibration(**{name: value})


def test_a_shift_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="secondary_shift"):
        Calibration(secondary_shift=float("nan"))
