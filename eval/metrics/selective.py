"""What abstaining buys: how many posts go to a person, and how many of the others are wrong.

The risk–coverage curve says the same of every threshold: coverage is the share of posts that the model answers, risk
the share of wrong ones among them. Posts of equal confidence are answered together, as a threshold would have it; a
post without a prediction has the lowest confidence and is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.metrics.family import Definition, Family, Floats, Measured, RankFamily, ratio

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
    "aurc": Definition(
        "AURC",
        "Area under the risk–coverage curve: the mean, over posts, of the share of wrong categories among the posts "
        "that are at least as confident (Geifman and El-Yaniv 2017, arXiv 1705.08500). 0 is perfect; a confidence "
        "that says nothing gives the error rate.",
        lower_is_better=True,
    ),
}

_MAX_POINTS = 200

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


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """One point of the risk–coverage curve.

    Attributes:
        threshold: Posts of at least this confidence are answered.
        coverage: Their share of all posts.
        risk: The share of wrong categories among them.
        n: How many they are.
    """

    threshold: float
    coverage: float
    risk: float
    n: int


def area_under_risk_coverage(wrong: Flags, confidence: Floats) -> RankFamily:
    """The area under the risk–coverage curve.

    Args:
        wrong: `[posts]`, whether the category is wrong.
        confidence: `[posts]`; anything below 0 where there is no prediction.

    Returns:
        `aurc`.
    """
    everything = np.ones(len(wrong), dtype=np.bool_)
    return RankFamily("aurc", confidence, wrong.astype(np.float64), everything, _area, lambda posts, _: posts.sum(-1))


def _area(posts: Floats, wrong: Floats) -> Floats:
    risk = ratio(np.cumsum(wrong, axis=-1), np.cumsum(posts, axis=-1))
    # Groups that a resample left out, before the first that it drew, have no risk and no weight.
    return ratio(np.where(posts > 0, posts * risk, 0).sum(axis=-1), posts.sum(axis=-1))


def risk_coverage(wrong: Flags, confidence: Floats) -> list[RiskPoint]:
    """The risk–coverage curve, from the surest posts to all of them.

    Args:
        wrong: `[posts]`, whether the category is wrong.
        confidence: `[posts]`; anything below 0 where there is no prediction.

    Returns:
        A point for each threshold, thinned out evenly where there are very many; the last covers all posts.
    """
    thresholds, inverse, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    answered = np.cumsum(sizes)
    errors = np.cumsum(np.bincount(inverse, weights=wrong, minlength=len(sizes)))
    shown = np.unique(np.linspace(0, len(sizes) - 1, min(len(sizes), _MAX_POINTS)).round().astype(int))
    return [
        RiskPoint(
            threshold=float(-thresholds[index]),
            coverage=float(answered[index] / len(wrong)),
            risk=float(errors[index] / answered[index]),
            n=int(answered[index]),
        )
        for index in shown
    ]
