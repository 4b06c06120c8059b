from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.classification import classification
from eval.metrics.scope import scope

OUT_OF_SCOPE, NO_CATEGORY = 2, 3


def _values(gold: list[int], predicted: list[int]) -> dict[str, float]:
    measured = scope(np.array(gold), np.array(predicted), OUT_OF_SCOPE).measure()
    return {metric: float(one.value) for metric, one in measured.items()}


def test_a_worked_example() -> None:
    # In scope: right, taken for out-of-scope, another category, right. Out of scope: recognized, missed, no prediction.
    values = _values([0, 0, 1, 1, 2, 2, 2], [0, 2, 0, 1, 2, 1, NO_CATEGORY])
    assert values == {"in_scope_accuracy": pytest.approx(2 / 4), "out_of_scope_recall": pytest.approx(1 / 3)}


def test_a_side_without_posts_has_no_figure() -> None:
    assert np.isnan(_values([0, 1], [0, 1])["out_of_scope_recall"])
    assert np.isnan(_values([2], [2])["in_scope_accuracy"])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=50))
def test_weighed_by_their_posts_both_sides_give_the_accuracy(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    sides = scope(gold, predicted, OUT_OF_SCOPE).measure().values()
    together = sum(float(one.value) * float(one.n) for one in sides if one.n)
    accuracy = classification(gold, predicted, ("a", "b", "none")).measure()["accuracy"]
    assert together / len(pairs) == pytest.approx(float(accuracy.value))
