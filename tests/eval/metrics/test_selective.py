from __future__ import annotations

import numpy as np

from eval.metrics.selective import selective


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
