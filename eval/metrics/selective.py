"""What abstaining buys: how many posts go to a person, and how many of the others are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from eval.metrics.family import Definition, Family, Floats, Measured, ratio

DEFINITIONS = {
    "review_share": Definition(
        "review share",
        "Share of posts that go to a person because the model is unsure (low_confidence or ambiguous) or gave no "
        "prediction.",
        lower_is_better=True,
    ),
    "error_among_rest": Definition(
        "error among the rest",
        "Of the posts that do not go to a person, the share whose category is wrong. Undefined, and absent, when "
        "every post goes to a person.",
        lower_is_better=True,
    ),
}

Flags = npt.NDArray[np.bool_]


def selective(wrong: Flags, review: Flags) -> Family:
    """Figures on abstention.

    Args:
        wrong: `[posts]`, whether the category is wrong.
        review: `[posts]`, whether the post goes to a person.

    Returns:
        `review_share` and `error_among_rest`.
    """
    return Family(np.stack([review, ~review, ~review & wrong], axis=1).astype(np.float64), _figures)


def _figures(totals: Floats) -> dict[str, Measured]:
    review, rest, wrong = np.moveaxis(totals, -1, 0)
    return {
        "review_share": Measured(ratio(review, review + rest), review + rest),
        "error_among_rest": Measured(ratio(wrong, rest), rest),
    }
