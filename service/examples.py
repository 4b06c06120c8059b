"""Examples for OpenAPI, one for each body: what schemas say of single fields, put together. Tests hold them to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshot.bundle import BaseModelInfo, Limits
from earshot.calibration import Calibration
from earshot.decision import Thresholds
from earshot.taxonomy import Taxonomy
from service.schemas import ModelDescription, RequestLimits

_MODEL = {"name": "earshot-default", "version": "1.0.0", "digest": "sha256:2c26b46b68ff…"}
_PREDICTION = {
    "id": "a1",
    "category": "billing",
    "confidence": 0.94,
    "scores": {"complaint": 0.03, "feature-request": 0.0, "billing": 0.94, "praise": 0.0, "leak": 0.0, "none": 0.03},
    "secondary": [],
    "urgency": "high",
    "urgency_scores": {"low": 0.02, "medium": 0.2, "high": 0.7, "critical": 0.08},
    "route": "billing",
    "needs_review": False,
    "review_reasons": [],
    "tokens": 9,
    "truncated": False,
}
_EMPTY = {
    "id": None,
    "error": {
        "type": "empty-post",
        "title": "The post is empty",
        "detail": "The text holds no visible character; send a text or leave the post out.",
    },
}
_OUTPUTS = [
    {"name": "category", "datatype": "BYTES", "shape": [1], "data": ["billing"]},
    {"name": "scores", "datatype": "FP32", "shape": [1, 6], "data": [0.03, 0.0, 0.94, 0.0, 0.0, 0.03]},
]
_LABELS = {"labels": ["complaint", "feature-request", "billing", "praise", "leak", "none"]}

EXAMPLES: Mapping[str, Any] = {
    "ClassifyRequest": {"posts": [{"id": "a1", "text": "You took 14.99 twice today"}, ""], "explain": False},
    "ClassifyResponse": {"model": _MODEL, "results": [_PREDICTION, _EMPTY]},
    "ModelChange": {"outcome": "switched", "model": {**_MODEL, "version": "1.1.0"}, "previous": _MODEL},
    "Health": {"status": "ready"},
    "ServerMetadata": {"name": "earshot", "version": "1", "extensions": ["binary_tensor_data"]},
    "ModelMetadata": {
        "name": "earshot-default",
        "versions": ["1.0.0"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "category", "datatype": "BYTES", "shape": [-1]},
            {"name": "scores", "datatype": "FP32", "shape": [-1, 6], "parameters": _LABELS},
        ],
    },
    "InferenceRequest": {
        "id": "r1",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["You took 14.99 twice today"]}],
        "outputs": [{"name": "category"}, {"name": "scores"}],
    },
    "InferenceResponse": {
        "id": "r1",
        "model_name": "earshot-default",
        "model_version": "1.0.0",
        "outputs": _OUTPUTS,
    },
    "FeedbackReceipt": {
        "id": "5f0c1e3b7d1a4c0f9f3e2d1c0b9a8f7e",
        "received_at": "2026-01-01T12:00:00.000000Z",
        "text_sha256": "0bd2dca4b1e1d9b0e1c0f7a6d1c7b6f3e2a5948b7c6d5e4f3a2b1c0d9e8f7a6b",
    },
}
"""By the schema's name."""


def _description() -> dict[str, Any]:
    return ModelDescription(
        **_MODEL,
        created_at="2026-01-01T00:00:00+00:00",
        architecture="encoder",
        precision="packed-int8",
        provider="CPUExecutionProvider",
        base_model=BaseModelInfo(id="an encoder", licence="Apache-2.0"),
        taxonomy=Taxonomy.default(),
        thresholds=Thresholds(),
        calibration=Calibration(),
        limits=Limits(max_tokens=256, max_characters=4000),
        request_limits=RequestLimits(
            max_posts_per_request=256,
            max_explained_posts=16,
            max_body_bytes=4 * 1024 * 1024,
            max_pending_tokens=8192,
            max_line_bytes=256 * 1024,
        ),
        feedback=True,
        evaluation=(),
    ).model_dump(mode="json")


_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
"""What the framework would answer to a path that is no text, which there is not."""


def add_examples(description: dict[str, Any]) -> None:
    """Put an example beside each schema that a body is described by, and leave out what is never answered."""
    for item in description["paths"].values():
        for operation in item.values():
            responses = operation["responses"]
            for status in [status for status, response in responses.items() if _schema_of(response) in _FRAMEWORKS_OWN]:
                del responses[status]
            for body in (operation.get("requestBody", {}), *responses.values()):
                _add_example(body)
    for name in _FRAMEWORKS_OWN:
        description["components"]["schemas"].pop(name, None)


def _add_example(body: dict[str, Any]) -> None:
    name = _schema_of(body)
    example = _description() if name == ModelDescription.__name__ else EXAMPLES.get(name)
    content = body.get("content", {}).get("application/json", {})
    if example is not None and not content.keys() & {"example", "examples"}:
        content["example"] = example


def _schema_of(body: dict[str, Any]) -> str:
    reference: str = body.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return reference.rpartition("/")[2]
