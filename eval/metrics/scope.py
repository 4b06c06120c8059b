"""In scope or out: the figures of Larson et al. 2019 (arXiv 1909.02027), where there is an out-of-scope category."""

from __future__ import annotations

import numpy as np

from eval.metrics.family import Definition, Family, Floats, Ints, Measured, ratio

DEFINITIONS = {
    "in_scope_accuracy": Definition(
        "in-scope accuracy",
        "Of the posts whose gold category is not the out-of-scope one, the share whose category is right; one taken "
        "for out-of-scope is wrong.",
    ),
    "out_of_scope_recall": Definition(
        "out-of-scope recall",
        "Of the posts whose gold category is the out-of-scope one, the share that is predicted so.",
    ),
}


def scope(gold: Ints, predicted: Ints, out_of_scope: int) -> Family:
    """Figures on either side of the scope.

    Args:
        gold: `[posts]`, category indices.
        predicted: `[posts]`, category indices; the number of categories for no category.
        out_of_scope: The index of the out-of-scope category.

    Returns:
        `in_scope_accuracy` and `out_of_scope_recall`.
    """
    outside, right = gold == out_of_scope, predicted == gold
    columns = [~outside, ~outside & right, outside, outside & right]
    return Family(np.stack(columns, axis=1).astype(np.float64), _figures)


def _figures(totals: Floats) -> dict[str, Measured]:
    inside, right_inside, outside, right_outside = np.moveaxis(totals, -1, 0)
    return {
        "in_scope_accuracy": Measured(ratio(right_inside, inside), inside),
        "out_of_scope_recall": Measured(ratio(right_outside, outside), outside),
    }
