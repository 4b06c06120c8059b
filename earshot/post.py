"""What goes in and what comes out: posts, predictions, and rejections. Knows nothing of models or transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ReviewReason = Literal["low_confidence", "ambiguous", "unsupported_language", "too_short", "empty"]
"""Why a person should look; the order here is the order in predictions."""


@dataclass(frozen=True, slots=True)
class Post:
    """One message from the outside.

    Attributes:
        text: The message as it was written.
        id: The caller's name for it; echoed, never read.
    """

    text: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one post.

    Attributes:
        id: As in the post.
        category: The most probable category.
        confidence: Its calibrated probability, in [0, 1].
        scores: Calibrated probability of each category; they sum to 1.
        secondary: Further categories that clearly pass, most probable first.
        urgency: The urgency level, or None when the taxonomy has none.
        urgency_scores: Calibrated probability of each urgency, lowest first; they sum to 1, or it is empty.
        route: The department that owns the category, or None.
        needs_review: Whether a person should look: true exactly when there are `review_reasons`.
        review_reasons: Why.
        tokens: Tokens that the model read, special tokens not counted.
        truncated: Whether the end of the post was not read.
    """

    id: str | None
    category: str
    confidence: float
    scores: dict[str, float]
    secondary: tuple[str, ...]
    urgency: str | None
    urgency_scores: dict[str, float]
    route: str | None
    needs_review: bool
    review_reasons: tuple[ReviewReason, ...]
    tokens: int
    truncated: bool

    def as_dict(self) -> dict[str, Any]:
        """Give the prediction as the JSON object of the public contract."""
        # Named one by one: `dataclasses.asdict` copies deeply, which costs as much as all else of an answer.
        return {
            "id": self.id,
            "category": self.category,
            "confidence": self.confidence,
            "scores": self.scores,
            "secondary": list(self.secondary),
            "urgency": self.urgency,
            "urgency_scores": self.urgency_scores,
            "route": self.route,
            "needs_review": self.needs_review,
            "review_reasons": list(self.review_reasons),
            "tokens": self.tokens,
            "truncated": self.truncated,
        }


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one post got no prediction; it stands in the post's own place among the results.

    Attributes:
        id: As in the post.
        type: A stable word for programs, such as `empty-post`.
        title: The kind of problem, for people.
        detail: What to do about it, for people; holds nothing of the post's text.
    """

    id: str | None
    type: str
    title: str
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Give the rejection as the JSON object of the public contract."""
        return {"id": self.id, "error": {"type": self.type, "title": self.title, "detail": self.detail}}


Result = Prediction | Rejection
"""What a post gets: every post gets exactly one, in its own place."""
