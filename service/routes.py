"""The paths, each a few lines over what others do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

import earshot
from service.body import parse_json
from service.classifier import Judgement
from service.dependencies import (
    MAX_TIMEOUT_MS,
    TIMEOUT,
    body_of,
    lifecycle_of,
    model_of,
    record_of,
    settings_of,
    streams_of,
    timeout_ms_of,
)
from service.error_handlers import problem_responses
from service.errors import (
    BodyTooLargeError,
    DeadlineExceededError,
    NotReadyError,
    OverloadedError,
    TooManyStreamsError,
    UnauthorizedError,
    UnusableRequestError,
)
from service.lifespan import Lifecycle, Phase
from service.patience import Patience
from service.schemas import (
    ClassifyRequest,
    ClassifyResponse,
    Health,
    ModelDescription,
    ModelReference,
    Post,
    StreamedError,
    StreamedPrediction,
)
from service.stream import NDJSON, Stream, StreamResponse

router = APIRouter()

TIMEOUT_PARAMETER: dict[str, Any] = {
    "name": TIMEOUT,
    "in": "header",
    "required": False,
    "description": "Milliseconds until the answer is of no use to you; past them the answer is 504.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_MS},
    "example": 2000,
}


def _lines_of(*kinds: type) -> dict[str, Any]:
    """Describe lines of JSON: OpenAPI 3.1 has no word for them, JSON Schema at least for what a text holds."""
    schemas = [
        {"type": "string"} if kind is str else {"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds
    ]
    return {"type": "string", "contentMediaType": NDJSON, "contentSchema": {"anyOf": schemas}}


_STREAM_ANSWER = (
    '{"id":"a1","category":"billing","confidence":0.94,"scores":{"complaint":0.03,"feature-request":0,"billing":0.94,'
    '"praise":0,"leak":0,"none":0.03},"secondary":[],"urgency":"high","urgency_scores":{"low":0.02,"medium":0.2,'
    '"high":0.7,"critical":0.08},"route":"billing","needs_review":false,"review_reasons":[],"tokens":9,'
    '"truncated":false,"model":{"name":"earshot-default","version":"1.0.0","digest":"sha256:2c26b46b68ff…"}}\n'
    '{"id":null,"error":{"type":"unusable-line","title":"The line cannot be used","detail":"Line 2 is not JSON …"},'
    '"model":{"name":"earshot-default","version":"1.0.0","digest":"sha256:2c26b46b68ff…"}}\n'
)


@router.post(
    "/v1/classify",
    tags=["classification"],
    summary="Judge posts",
    # The schema is documentation here, and tests hold the answers to it: validating each would cost as much again.
    response_model=ClassifyResponse,
    responses=problem_responses(
        UnauthorizedError,
        BodyTooLargeError,
        UnusableRequestError,
        OverloadedError,
        NotReadyError,
        DeadlineExceededError,
    ),
    openapi_extra={
        "parameters": [TIMEOUT_PARAMETER],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ClassifyRequest.__name__}"}}},
        },
    },
)
async def classify(request: Request) -> Response:
    """Judge posts: one category each, an urgency, calibrated scores, and whether a person should look.

    Results keep the order of the posts. A post that cannot be judged gets an `error` in its own place and
    spoils no other. A post gets the same scores alone, in any batch, in any order, under any load.
    """
    model = model_of(request)  # asked for first: without one the body is not even read
    record = record_of(request)
    async with Patience(timeout_ms_of(request)) as patience:
        settings = settings_of(request)
        body = ClassifyRequest.read(
            parse_json(await body_of(request)),
            max_posts=settings.max_posts_per_request,
            max_explained_posts=settings.max_explained_posts,
        )
        patience.watch(request.receive)
        record.posts = len(body.posts)
        posts = [item for item in body.posts if isinstance(item, earshot.Post)]
        judgement = await model.classifier.classify(posts, explain=body.explain)
    record.stages_ms = judgement.stages_ms
    return _json(
        {
            "model": ModelReference.of(model.identity).model_dump(),
            "results": _in_place(body.posts, _results(posts, judgement)),
        }
    )


@router.post(
    "/v1/classify/stream",
    tags=["classification"],
    summary="Judge a stream of posts",
    response_class=StreamResponse,
    status_code=200,
    responses=problem_responses(UnauthorizedError, TooManyStreamsError, NotReadyError)
    | {
        200: {
            "description": "One line of JSON for each post, in their order.",
            "content": {
                NDJSON: {
                    "schema": _lines_of(StreamedPrediction, StreamedError),
                    "example": _STREAM_ANSWER,
                }
            },
        }
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                NDJSON: {
                    "schema": _lines_of(Post, str),
                    "example": '{"id":"a1","text":"You took 14.99 twice today"}\n"a bare string works too"\n',
                }
            },
        },
    },
)
async def classify_stream(request: Request) -> Response:
    """Judge as many posts as you like: a line of JSON each in, a line of JSON each out, as they are judged.

    Read the answers while you send: only so many posts are under way at a time, and nothing more is read while you
    leave answers unread. A line that is no post gets an `error` in its own place; blank lines get nothing. A stream
    has no deadline; when the service is stopped, what was read is answered, and the last line is an `error` of the
    type `broken-off`. Requests to `/v1/classify` go first, so that they are as quick as without streams.
    """
    lifecycle = lifecycle_of(request)
    lifecycle.model()
    settings = settings_of(request)
    streams = streams_of(request)
    streams.check()
    stream = Stream(request.stream(), lifecycle, record_of(request), max_line_bytes=settings.max_line_bytes)
    return StreamResponse(stream.answers(), streams.place(), stall_s=settings.stream_stall_s)


def _json(content: object) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json")


def _results(posts: Sequence[earshot.Post], judgement: Judgement) -> list[dict[str, Any]]:
    results = [result.as_dict() for result in judgement.results]
    for post, result, words in zip(posts, results, judgement.explanations, strict=False):
        if "error" not in result:
            result["explanation"] = [
                asdict(word) | {"text": _encodable(post.text[word.start : word.end])} for word in words
            ]
    return results


def _encodable(text: str) -> str:
    """Half a character, as of a text cut within an emoji, cannot be sent."""
    return text.encode("utf-8", "replace").decode()


def _in_place(
    items: Sequence[earshot.Post | earshot.Rejection], results: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Put each post's result where the post stood, between those that were rejected before."""
    remaining = iter(results)
    return [item.as_dict() if isinstance(item, earshot.Rejection) else next(remaining) for item in items]


@router.get(
    "/v1/model",
    tags=["model"],
    summary="Describe the model",
    response_model=ModelDescription,
    responses=problem_responses(UnauthorizedError, NotReadyError),
)
async def describe_model(request: Request) -> ModelDescription:
    """Say which model is served, what it may say, what it can read, and what evaluations found."""
    lifecycle = lifecycle_of(request)
    return ModelDescription.describe(model_of(request).pipeline, settings_of(request), lifecycle.budget)


@router.get("/livez", tags=["health"], summary="Is it alive?", responses=problem_responses(NotReadyError))
async def livez(request: Request) -> Health:
    """Say whether the process is worth keeping: unless its model could not be loaded or stopped answering, it is."""
    describe_liveness(lifecycle_of(request))
    return Health(status="alive")


def describe_liveness(lifecycle: Lifecycle) -> None:
    """Say that the process is worth keeping.

    Raises:
        NotReadyError: It is not.
    """
    if not lifecycle.is_alive():
        raise NotReadyError((Phase.FAILED if lifecycle.failure is not None else Phase.STALLED).value)


@router.get("/readyz", tags=["health"], summary="Is it ready?", responses=problem_responses(NotReadyError))
async def readyz(request: Request) -> Health:
    """Say whether posts may be sent: the model is loaded and warm, answers, and the service is not being stopped."""
    model_of(request)
    return Health(status="ready")


@router.get(
    "/metrics",
    tags=["health"],
    summary="Metrics",
    response_class=Response,
    responses={
        200: {
            "description": "What is counted, as Prometheus reads it; docs/metrics.md lists it.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "earshot_ready 1.0\n"}},
        }
    },
)
async def metrics(request: Request) -> Response:
    """Give what is counted: requests, refusals, queue, batches, stages, predictions, drift, the process itself."""
    return Response(lifecycle_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
