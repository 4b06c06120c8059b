"""The path of corrections."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.body import parse_json
from service.dependencies import body_of, model_of, record_of
from service.error_handlers import problem_responses
from service.errors import (
    BodyTooLargeError,
    CrossSiteError,
    FeedbackOffError,
    FeedbackUnavailableError,
    KeyReusedError,
    NotReadyError,
    UnauthorizedError,
    UnusableRequestError,
)
from service.feedback.recorder import Recorder
from service.feedback.schemas import IDEMPOTENCY_KEY, FeedbackReceipt, FeedbackRequest

router = APIRouter()

_EXAMPLE = {
    "text": "You took 14.99 twice today",
    "id": "a1",
    "prediction": {
        "model_digest": "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "category": "complaint",
        "secondary": [],
        "urgency": "medium",
        "confidence": 0.61,
    },
    "correction": {"category": "billing", "secondary": ["complaint"], "urgency": "high"},
    "reviewer": "ada",
    "note": "Charged twice is billing, angry or not",
}


@router.post(
    "/v1/feedback",
    tags=["feedback"],
    summary="Correct a prediction",
    status_code=201,
    response_model=FeedbackReceipt,
    responses=problem_responses(
        UnauthorizedError,
        UnusableRequestError,
        KeyReusedError,
        BodyTooLargeError,
        CrossSiteError,
        FeedbackOffError,
        FeedbackUnavailableError,
        NotReadyError,
    ),
    openapi_extra={
        "parameters": [
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": False,
                "description": "A name of your own for this correction: sent again with the same one, it is kept once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{FeedbackRequest.__name__}"},
                    "example": _EXAMPLE,
                }
            },
        },
    },
)
async def give_feedback(request: Request) -> Response:
    """Keep a person's word on a prediction: a correction, or that it was right.

    It is answered once it is safe on disk. Corrected labels must be of the taxonomy that is served. With an
    idempotency key the same correction may be sent again, and gets the same answer; another one with that key is
    refused. `earshot data export-feedback` makes training data of what was kept.
    """
    recorder = cast(Recorder, request.app.state.recorder)
    recorder.check()
    # As any content type will do, a browser would let every page post here; it says for whose page it does.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise CrossSiteError
    model = model_of(request)
    asked = FeedbackRequest.read(parse_json(await body_of(request)), header_key=request.headers.get(IDEMPOTENCY_KEY))
    taxonomy = model.pipeline.bundle.manifest.taxonomy
    correction = asked.correction_of(taxonomy, model.identity, caller=record_of(request).caller)
    receipt = FeedbackReceipt.of(await recorder.keep(correction))
    return Response(receipt.model_dump_json(), status_code=201, media_type="application/json")
