"""Where the scope ends: a shift of the out-of-scope category's logit, chosen on validation posts.

Training sees few out-of-scope posts, or another share of them than the stream holds; the border that it learns is
then seldom the best one. Moving a single logit moves that border alone and leaves the order of the other categories as
it is (logit adjustment, Menon et al. 2021, arXiv 2007.07314). Larson et al. 2019 choose a threshold in the same way:
the best accuracy on validation, out-of-scope counted as one more intent. Knows nothing of networks.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, f1_score

Aim = Literal["accuracy", "macro_f1"]

_SHIFTS = np.linspace(-6.0, 6.0, 241)


def select_scope_shift(
    logits: npt.NDArray[np.float32], category: npt.NDArray[np.int64], out_of_scope: int, aim: Aim
) -> float:
    """Choose what is best added to the out-of-scope category's logit.

    Args:
        logits: `[posts, categories]`, of the validation posts.
        category: `[posts]`, their categories.
        out_of_scope: The index of the out-of-scope category.
        aim: What is best.

    Returns:
        The shift; in the middle of the best ones where many are, and 0 where none is better than none.
    """
    scores = np.array([_score(logits, category, out_of_scope, shift, aim) for shift in _SHIFTS])
    if scores.max() <= _score(logits, category, out_of_scope, 0.0, aim):
        return 0.0
    best = _SHIFTS[scores == scores.max()]
    return float(best[np.abs(best - np.median(best)).argmin()])


def _score(
    logits: npt.NDArray[np.float32], category: npt.NDArray[np.int64], out_of_scope: int, shift: float, aim: Aim
) -> float:
    shifted = logits.astype(np.float64)
    shifted[:, out_of_scope] += shift
    predicted = shifted.argmax(axis=1)
    if aim == "accuracy":
        return float(accuracy_score(category, predicted))
    return float(f1_score(category, predicted, average="macro", zero_division=0.0))
