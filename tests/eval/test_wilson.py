from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from eval.wilson import wilson


@settings(max_examples=60)
@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_agrees_with_statsmodels(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n, 0.95)
    assert (low, high) == pytest.approx(proportion_confint(hits, n, alpha=0.05, method="wilson"), abs=1e-9)


def test_all_or_nothing_is_no_certainty() -> None:
    assert wilson(20, 20, 0.95)[0] < 0.9
    assert wilson(0, 20, 0.95)[1] > 0.1
