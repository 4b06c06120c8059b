"""Each route as a flow: what is sent, and what is made of the answer. Sends nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from earshot.client.answers import (
    Answer,
    Judged,
    Receipt,
    ServedModel,
    read_answer,
    read_line,
    read_model,
    read_receipt,
)
from earshot.client.errors import BadAnswerError
from earshot.client.exchange import Flow, Patience, exchange
from earshot.post import Post, Prediction
from earshot.predictor import ModelIdentity

_JSON = {"Content-Type": "application/json"}
_NDJSON = {"Content-Type": "application/x-ndjson"}


def classify(posts: Sequence[Post | str], *, explain: bool, patience: Patience) -> Flow[Answer]:
    """Judge posts."""
    content = _dump({"posts": [_item(post) for post in posts], "explain": explain})
    response = yield from exchange("POST", "/v1/classify", headers=_JSON, content=content, patience=patience)
    return read_answer(response.content, len(posts))


def classify_lines(posts: Sequence[Post | str], *, patience: Patience) -> Flow[list[Judged]]:
    """Judge some posts of a stream, on the lane where they stand back behind single requests."""
    judged: list[Judged] = []
    while len(judged) < len(posts):
        content = b"".join(_dump(_item(post)) + b"\n" for post in posts[len(judged) :])
        response = yield from exchange(
            "POST", "/v1/classify/stream", headers=_NDJSON, content=content, patience=patience
        )
        # A service that is stopped breaks off; the rest is asked of the next.
        lines = [line for line in map(read_line, response.content.splitlines()) if line is not None]
        if not lines or len(judged) + len(lines) > len(posts):
            raise BadAnswerError(f"the service answered {len(lines)} lines for {len(posts) - len(judged)} posts")
        judged += lines
    return judged


def describe_model(*, patience: Patience) -> Flow[ServedModel]:
    """Ask which model is served."""
    response = yield from exchange("GET", "/v1/model", headers={}, content=None, patience=patience)
    return read_model(response.content)


def give_feedback(
    text: str,
    prediction: Prediction,
    model: ModelIdentity,
    *,
    correction: Mapping[str, object],
    reviewer: str | None,
    note: str | None,
    idempotency_key: str,
    patience: Patience,
) -> Flow[Receipt]:
    """Send a person's word on a prediction."""
    body = {
        "text": text,
        "id": prediction.id,
        "prediction": {
            "model_digest": model.digest,
            "category": prediction.category,
            "secondary": list(prediction.secondary),
            "urgency": prediction.urgency,
            "confidence": prediction.confidence,
        },
        "correction": correction,
        "reviewer": reviewer,
        "note": note,
    }
    content = _dump({name: value for name, value in body.items() if value is not None})
    headers = {**_JSON, "Idempotency-Key": quote(idempotency_key)}
    response = yield from exchange("POST", "/v1/feedback", headers=headers, content=content, patience=patience)
    return read_receipt(response.content)


def _item(post: Post | str) -> dict[str, str | None]:
    return {"text": post} if isinstance(post, str) else {"id": post.id, "text": post.text}


def _dump(content: Any) -> bytes:  # noqa: ANN401 — any JSON
    # JSON escapes let even half a surrogate pair through, which UTF-8 would not.
    return json.dumps(content, separators=(",", ":")).encode()
