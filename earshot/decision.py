"""From calibrated scores to a decision: category, secondary, urgency, and why a person should look.

Knows nothing of networks; everything it needs are probabilities, the taxonomy and the thresholds.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from earshot.calibration import Probabilities, Scores
from earshot.post import Post, Prediction, ReviewReason
from earshot.screening import Screening
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Encoding

_EDGE = 1e-9


class Thresholds(BaseModel):
    """Where the decision changes; training chooses them on validation data.

    Attributes:
        min_confidence: Below this probability of the best category: `low_confidence`.
        min_margin: Below this distance between the two best categories: `ambiguous`.
        min_secondary: From this probability on, a category is secondary.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_confidence: float = Field(default=0.5, ge=0, le=1)
    min_margin: float = Field(default=0.1, ge=0, le=1)
    min_secondary: float = Field(default=0.5, ge=0, le=1)


def median_level(probabilities: Probabilities) -> int:
    """The median of an ordinal distribution: the lowest level that is not exceeded with more than even odds.

    The median minimizes the expected absolute error, where the most probable level ignores how far off
    the others are.

    Args:
        probabilities: `[levels]`, lowest first.
    """
    return int(np.searchsorted(np.cumsum(probabilities), 0.5 - _EDGE))


def decide(
    post: Post,
    encoding: Encoding,
    screening: Screening,
    scores: Scores,
    row: int,
    *,
    taxonomy: Taxonomy,
    thresholds: Thresholds,
) -> Prediction:
    """Decide one post.

    Args:
        post: The post.
        encoding: Its tokens.
        screening: What was seen without the model.
        scores: Calibrated scores of a batch.
        row: The post's row in them.
        taxonomy: Names and routes.
        thresholds: Where the decision changes.
    """
    names = taxonomy.category_names
    category_scores = scores.category[row]
    order = np.argsort(-category_scores, kind="stable")
    best, second = int(order[0]), int(order[1])
    confidence = float(category_scores[best])
    reasons: list[ReviewReason] = []
    if confidence < thresholds.min_confidence:
        reasons.append("low_confidence")
    if confidence - float(category_scores[second]) < thresholds.min_margin:
        reasons.append("ambiguous")
    reasons.extend(screening.reasons)

    secondary_scores = scores.secondary[row]
    secondary = tuple(
        names[index]
        for index in np.argsort(-secondary_scores, kind="stable")
        if index != best
        and names[index] != taxonomy.out_of_scope
        and secondary_scores[index] >= thresholds.min_secondary
    )
    urgency, urgency_scores = None, {}
    if scores.urgency is not None:
        urgency = taxonomy.urgency_names[median_level(scores.urgency[row])]
        urgency_scores = dict(zip(taxonomy.urgency_names, scores.urgency[row].tolist(), strict=True))
    return Prediction(
        id=post.id,
        category=names[best],
        confidence=confidence,
        scores=dict(zip(names, category_scores.tolist(), strict=True)),
        secondary=secondary,
        urgency=urgency,
        urgency_scores=urgency_scores,
        route=taxonomy.routes[names[best]],
        needs_review=bool(reasons),
        review_reasons=tuple(reasons),
        tokens=encoding.tokens,
        truncated=encoding.truncated,
    )
