from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from eval.metrics.secondary import secondary

ROWS = st.lists(st.tuples(*[st.booleans()] * 6), min_size=1, max_size=40)


@settings(max_examples=60)
@given(ROWS)
def test_figures_agree_with_scikit_learn(rows: list[tuple[bool, ...]]) -> None:
    table = np.array(rows)
    gold, predicted = table[:, :3], table[:, 3:]
    found = secondary(gold, predicted, np.ones(len(rows), dtype=np.bool_)).measure()
    precision, recall, f1, _ = precision_recall_fscore_support(gold, predicted, average="micro", zero_division=np.nan)
    for metric, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
        assert found[f"secondary_{metric}"].value == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert found["secondary_exact_match"].value == pytest.approx(accuracy_score(gold, predicted), abs=1e-9)


def test_a_post_without_prediction_matches_nothing() -> None:
    none = np.zeros((2, 3), dtype=np.bool_)
    found = secondary(none, none, np.array([True, False])).measure()
    assert found["secondary_exact_match"].value == 0.5
    assert np.isnan(found["secondary_f1"].value)
