from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from earshot.calibration import Calibration, Scores
from earshot.parity import ParityError, check_company, company_change, difference
from earshot.session import Logits


def _scores(category: Sequence[Sequence[float]]) -> Scores:
    logits = np.array(category, np.float32)
    return Calibration().apply(Logits(logits, np.zeros_like(logits), np.zeros((len(logits), 3), np.float32)))


def test_a_model_does_not_differ_from_itself() -> None:
    found = difference(_scores([[1, 0], [0, 2]]), _scores([[1, 0], [0, 2]]))
    assert (found.posts, found.flipped, found.largest) == (2, 0, 0)
    found.check_export()
    found.check_int8()


def test_flipped_categories_are_counted() -> None:
    assert difference(_scores([[1, 0], [1, 0]]), _scores([[1, 0], [0, 1]])).flipped == 0.5


def test_an_export_that_differs_or_is_not_a_number_is_refused() -> None:
    exact = _scores([[1, 0], [0, 2]])
    with pytest.raises(ParityError, match="try another torch or onnx version"):
        difference(exact, _scores([[1, 0], [0, 2.01]])).check_export()
    with pytest.raises(ParityError), np.errstate(invalid="ignore"):
        difference(exact, _scores([[1, 0], [0, np.nan]])).check_export()


def test_int8_that_moves_scores_too_far_is_refused() -> None:
    exact = _scores([[1, 0]] * 100)
    difference(exact, _scores([[1.05, 0]] * 100)).check_int8()
    with pytest.raises(ParityError, match=r"99th percentile of the score change 0\.1"):
        difference(exact, _scores([[2, 0]] * 100)).check_int8()


def test_int8_that_flips_too_many_posts_is_refused_but_one_may_always_flip() -> None:
    exact, flipped = [0.01, 0.0], [0.0, 0.01]
    difference(_scores([exact] * 100), _scores([flipped] + [exact] * 99)).check_int8()
    with pytest.raises(ParityError, match=r"flips 2\.00 % of 100 posts \(allowed: 1\.00 %\)"):
        difference(_scores([exact] * 100), _scores([flipped] * 2 + [exact] * 98)).check_int8()


def test_a_post_that_its_neighbours_change_is_found() -> None:
    def honest(rows: Sequence[int]) -> Scores:
        return _scores([[row, 0] for row in rows])

    def swayed(rows: Sequence[int]) -> Scores:
        return _scores([[row + len(rows) / 100, 0] for row in rows])

    assert company_change(honest, 3, batches=20) == 0
    check_company(0.0)
    change = company_change(swayed, 3, batches=20)
    assert change > 1e-3
    with pytest.raises(ParityError, match="move by"):
        check_company(change)
