from __future__ import annotations

import json
from typing import get_args

from earshot import Prediction, Rejection
from earshot.post import ReviewReason


def test_a_prediction_reads_as_in_the_contract() -> None:
    prediction = Prediction(
        id="a1",
        category="billing",
        confidence=0.94,
        scores={"complaint": 0.06, "billing": 0.94},
        secondary=("complaint",),
        urgency="high",
        urgency_scores={"low": 0.1, "high": 0.9},
        route="billing",
        needs_review=True,
        review_reasons=("too_short",),
        tokens=9,
        truncated=False,
    )
    assert json.loads(json.dumps(prediction.as_dict())) == {
        "id": "a1",
        "category": "billing",
        "confidence": 0.94,
        "scores": {"complaint": 0.06, "billing": 0.94},
        "secondary": ["complaint"],
        "urgency": "high",
        "urgency_scores": {"low": 0.1, "high": 0.9},
        "route": "billing",
        "needs_review": True,
        "review_reasons": ["too_short"],
        "tokens": 9,
        "truncated": False,
    }


def test_a_rejection_reads_as_in_the_contract() -> None:
    rejection = Rejection(id=None, type="empty-post", title="The post is empty", detail="Send a text.")
    assert rejection.as_dict() == {
        "id": None,
        "error": {"type": "empty-post", "title": "The post is empty", "detail": "Send a text."},
    }


def test_the_review_reasons_are_the_contracts() -> None:
    assert get_args(ReviewReason) == ("low_confidence", "ambiguous", "unsupported_language", "too_short", "empty")
