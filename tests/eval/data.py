"""Labelled posts that the tiny bundle gets partly right, and predictions made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from earshot.post import Prediction, Rejection, ReviewReason
from earshot.records import LabelledPost
from earshot.taxonomy import Taxonomy
from eval.samples import Sample

TAXONOMY = Taxonomy.default()

# What the tiny bundle says of each stands in `tests.tiny.KEYWORDS` and `URGENT`.
POSTS: list[dict[str, Any]] = [
    {"text": "it crashes again", "category": "complaint", "urgency": "low", "source": "forum"},
    {"text": "it crashes today", "category": "complaint", "urgency": "medium", "source": "forum"},
    {"text": "crashes whenever I love it", "category": "complaint", "urgency": "low", "source": "review"},
    {"text": "please add a lamp", "category": "feature-request", "urgency": "low", "source": "forum"},
    {"text": "add a refund button", "category": "feature-request", "urgency": "low", "source": "review"},
    {"text": "where is my refund blocked", "category": "billing", "urgency": "high", "source": "review"},
    {"text": "no refund my card was stolen", "category": "billing", "urgency": "critical", "source": "forum"},
    {"text": "we love it here", "category": "praise", "urgency": "low", "source": "review"},
    {"text": "they crashes my party but I smile", "category": "praise", "urgency": "low", "source": "review"},
    {"text": "the new one leaked today", "category": "leak", "urgency": "critical", "source": "forum"},
    {"text": "someone leaked the plans", "category": "leak", "urgency": "high", "source": "forum"},
    {"text": "lunch was good", "category": "none", "urgency": "low", "source": "forum"},
    {"text": "an odd day", "category": "none", "urgency": "low", "source": "review", "ambiguous": True},
    {"text": "is it open today", "category": "none", "urgency": "medium", "source": "review", "ambiguous": True},
]


def rows() -> list[dict[str, Any]]:
    """The posts with ids."""
    return [{"id": f"p{index}", **row} for index, row in enumerate(POSTS)]


def write_jsonl(path: Path, content: Iterable[Mapping[str, Any]]) -> Path:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


def prediction(
    category: str,
    confidence: float = 0.9,
    *,
    urgency: str = "low",
    review_reasons: tuple[ReviewReason, ...] = (),
) -> Prediction:
    """A prediction by hand; what the category leaves over is spread evenly."""
    names = TAXONOMY.category_names
    rest = (1 - confidence) / (len(names) - 1)
    return Prediction(
        id=None,
        category=category,
        confidence=confidence,
        scores={name: confidence if name == category else rest for name in names},
        secondary=(),
        urgency=urgency,
        urgency_scores={name: float(name == urgency) for name in TAXONOMY.urgency_names},
        route=TAXONOMY.routes[category],
        needs_review=bool(review_reasons),
        review_reasons=review_reasons,
        tokens=3,
        truncated=False,
    )


def rejection() -> Rejection:
    """What a post without text gets."""
    return Rejection(id=None, type="empty-post", title="The post is empty", detail="Send a text.")


def sample(
    category: str,
    said: Prediction | Rejection,
    *,
    urgency: str | None = "low",
    ambiguous: bool = False,
    text: str = "a post",
    **fields: object,
) -> Sample:
    """A labelled post with what was said of it."""
    post = LabelledPost(text=text, category=category, urgency=urgency, ambiguous=ambiguous, row=1, fields=dict(fields))
    return Sample(post, said)
