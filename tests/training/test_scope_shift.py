from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.scope_shift import Aim, select_scope_shift

OUT_OF_SCOPE = 0


def _accuracy(logits: npt.NDArray[np.float32], category: npt.NDArray[np.int64], shift: float) -> float:
    shifted = logits + np.array([shift, 0, 0])
    return float((shifted.argmax(axis=1) == category).mean())


def _posts(seed: int, bias: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Logits that know the category, but for a bias against the out-of-scope one."""
    random = np.random.default_rng(seed)
    category = random.integers(3, size=120)
    logits = 2 * np.eye(3)[category] + random.normal(0, 0.8, (120, 3)) - np.array([bias, 0, 0])
    return logits.astype(np.float32), category


@pytest.mark.parametrize("aim", ["accuracy", "macro_f1"])
def test_a_bias_against_the_out_of_scope_category_is_taken_back(aim: Aim) -> None:
    logits, category = _posts(1, bias=3.0)
    shift = select_scope_shift(logits, category, OUT_OF_SCOPE, aim)
    assert shift == pytest.approx(3.0, abs=1.0)
    assert _accuracy(logits, category, shift) > _accuracy(logits, category, 0.0) + 0.1


def test_what_cannot_be_bettered_is_left_alone() -> None:
    category = np.array([0, 1, 2])
    logits = (10 * np.eye(3)).astype(np.float32)
    assert select_scope_shift(logits, category, OUT_OF_SCOPE, "accuracy") == 0.0


@given(st.integers(0, 1000), st.floats(-4, 4))
def test_no_shift_is_worse_than_none(seed: int, bias: float) -> None:
    logits, category = _posts(seed, bias)
    shift = select_scope_shift(logits, category, OUT_OF_SCOPE, "accuracy")
    assert _accuracy(logits, category, shift) >= _accuracy(logits, category, 0.0)
