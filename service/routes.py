"""The paths, each a few lines over what others do."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

import earshot
from service.dependencies import ClassifyBody, CurrentLifecycle, CurrentRecord, CurrentSettings, ReadyModel
from service.error_handlers import problem_responses
from service.errors import BodyTooLargeError, NotReadyError, OverloadedError, UnusableRequestError
from service.lifespan import Phase
from service.schemas import ClassifyRequest, ClassifyResponse, Health, ModelDescription, ModelReference

router = APIRouter()


@router.post(
    "/v1/classify",
    tags=["classification"],
    summary="Judge posts",
    # The schema is documentation here, and tests hold the answers to it: validating each would cost as much again.
    response_model=ClassifyResponse,
    responses=problem_responses(UnusableRequestError, BodyTooLargeError, OverloadedError, NotReadyError),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ClassifyRequest.__name__}"}}},
        }
    },
)
async def classify(body: ClassifyBody, model: ReadyModel, record: CurrentRecord) -> Response:
    """Judge posts: one category each, an urgency, calibrated scores, and whether a person should look.

    Results keep the order of the posts. A post that cannot be judged gets an `error` in its own place and
    spoils no other. A post gets the same scores alone, in any batch, in any order, under any load.
    """
    record.posts = len(body.posts)
    judgement = await model.classifier.classify([item for item in body.posts if isinstance(item, earshot.Post)])
    record.stages_ms |= {
        "queue": judgement.queue_ms,
        "tokenize": judgement.tokenize_ms,
        "inference": judgement.inference_ms,
    }
    return JSONResponse(
        {
            "model": ModelReference.of(model.pipeline.identity).model_dump(),
            "results": [result.as_dict() for result in _in_place(body.posts, judgement.results)],
        }
    )


def _in_place(
    items: Sequence[earshot.Post | earshot.Rejection], results: Sequence[earshot.Result]
) -> list[earshot.Result]:
    """Put each post's result where the post stood, between those that were rejected before."""
    remaining = iter(results)
    return [item if isinstance(item, earshot.Rejection) else next(remaining) for item in items]


@router.get("/v1/model", tags=["model"], summary="Describe the model", responses=problem_responses(NotReadyError))
async def describe_model(model: ReadyModel, settings: CurrentSettings) -> ModelDescription:
    """Say which model is served, what it may say, what it can read, and what evaluations found."""
    return ModelDescription.describe(model.pipeline, settings)


@router.get("/livez", tags=["health"], summary="Is it alive?", responses=problem_responses(NotReadyError))
async def livez(lifecycle: CurrentLifecycle) -> Health:
    """Say whether the process is worth keeping: it is, unless its model could not be loaded."""
    if lifecycle.phase is Phase.FAILED:
        raise NotReadyError(lifecycle.phase.value)
    return Health(status="alive")


@router.get("/readyz", tags=["health"], summary="Is it ready?", responses=problem_responses(NotReadyError))
async def readyz(_: ReadyModel) -> Health:
    """Say whether posts may be sent: the model is loaded and warm, and the service is not being stopped."""
    return Health(status="ready")
