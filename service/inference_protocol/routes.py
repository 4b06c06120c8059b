"""The paths of the Open Inference Protocol, version 2, so that clients of KServe and Triton work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import earshot
from service.body import parse_json
from service.dependencies import body_of, lifecycle_of, model_of, record_of, settings_of, timeout_ms_of
from service.error_handlers import problem_responses
from service.errors import (
    BodyTooLargeError,
    DeadlineExceededError,
    FieldProblem,
    NotReadyError,
    OverloadedError,
    UnauthorizedError,
    UnknownModelError,
    UnusableRequestError,
)
from service.inference_protocol.outputs import INPUT, outputs_of
from service.inference_protocol.schemas import (
    InferenceRequest,
    InferenceResponse,
    InputTensor,
    ModelMetadata,
    ServerMetadata,
)
from service.inference_protocol.tensors import BYTES, Tensor, texts_of
from service.lifespan import ServedModel
from service.patience import Patience
from service.routes import TIMEOUT_PARAMETER, describe_liveness
from service.schemas import read_post
from service.wire import validate

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

JSON_LENGTH = "Inference-Header-Content-Length"
"""The header that says how many bytes of JSON stand before the tensors' own."""

_MODEL = "/models/{model_name}"
_VERSION = _MODEL + "/versions/{model_version}"
_MODEL_ERRORS = problem_responses(UnauthorizedError, UnknownModelError, NotReadyError)
_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get("", summary="Describe the server", response_model=ServerMetadata)
async def server_metadata() -> ServerMetadata:
    """Say what the server is."""
    return ServerMetadata(name="earshot", version="1", extensions=["binary_tensor_data"])


@router.get("/health/live", summary="Is it alive?", response_class=Response, responses=problem_responses(NotReadyError))
async def live(request: Request) -> Response:
    """Say the same as `/livez`."""
    describe_liveness(lifecycle_of(request))
    return Response()


@router.get(
    "/health/ready", summary="Is it ready?", response_class=Response, responses=problem_responses(NotReadyError)
)
async def ready(request: Request) -> Response:
    """Say the same as `/readyz`."""
    model_of(request)
    return Response()


@router.get(f"{_MODEL}/ready", summary="Is the model ready?", response_class=Response, responses=_MODEL_ERRORS)
async def model_ready(request: Request, model_name: str) -> Response:
    """Say whether texts may be sent to it."""
    _model(request, model_name)
    return Response()


@router.get(f"{_VERSION}/ready", summary="Is this version ready?", response_class=Response, responses=_MODEL_ERRORS)
async def model_version_ready(request: Request, model_name: str, model_version: str) -> Response:
    """Say whether texts may be sent to this version of it."""
    _model(request, model_name, model_version)
    return Response()


_METADATA: dict[str, Any] = {
    "response_model": ModelMetadata,
    "response_model_exclude_none": True,
    "responses": _MODEL_ERRORS,
}


@router.get(_MODEL, summary="Describe the model", **_METADATA)
async def model_metadata(request: Request, model_name: str) -> dict[str, Any]:
    """Say what it takes and puts out; the outputs with columns name what these stand for."""
    return _describe(_model(request, model_name))


@router.get(_VERSION, summary="Describe this version of the model", **_METADATA)
async def model_version_metadata(request: Request, model_name: str, model_version: str) -> dict[str, Any]:
    """Say what this version of it takes and puts out."""
    return _describe(_model(request, model_name, model_version))


def _describe(model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.identity.name,
        "versions": [model.identity.version],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": BYTES, "shape": [-1]}],
        "outputs": [output.describe() for output in outputs_of(model.pipeline.taxonomy)],
    }


_INFER: dict[str, Any] = {
    "response_model": InferenceResponse,
    "responses": problem_responses(
        UnauthorizedError,
        UnknownModelError,
        BodyTooLargeError,
        UnusableRequestError,
        OverloadedError,
        NotReadyError,
        DeadlineExceededError,
    ),
    "openapi_extra": {
        "parameters": [
            TIMEOUT_PARAMETER,
            {
                "name": JSON_LENGTH,
                "in": "header",
                "required": False,
                "description": "Bytes of JSON before the tensors' own, where inputs are sent as bytes.",
                "schema": {"type": "integer", "minimum": 0},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{InferenceRequest.__name__}"}},
                **_BINARY,
            },
        },
    },
}


@router.post(f"{_MODEL}/infer", summary="Judge texts", **_INFER)
async def infer(request: Request, model_name: str) -> Response:
    """Judge texts: the input `text` of `BYTES`, and outputs as the model's metadata describes them.

    Tensors are sent as JSON or as bytes, in both directions. A text that cannot be judged has its reason in the output
    `error`, and spoils no other.
    """
    return await _infer(request, _model(request, model_name))


@router.post(f"{_VERSION}/infer", summary="Judge texts with this version", **_INFER)
async def infer_with_version(request: Request, model_name: str, model_version: str) -> Response:
    """Judge texts, if this is the version that is served."""
    return await _infer(request, _model(request, model_name, model_version))


async def _infer(request: Request, model: ServedModel) -> Response:
    async with Patience(timeout_ms_of(request)) as patience:
        body = await body_of(request)
        asked, items = _read(body, request.headers.get(JSON_LENGTH), settings_of(request).max_posts_per_request)
        wanted = _wanted(asked, model)
        patience.watch(request.receive)
        record = record_of(request)
        record.posts = len(items)
        judgement = await model.classifier.classify([item for item in items if isinstance(item, earshot.Post)])
    record.stages_ms = judgement.stages_ms
    remaining = iter(judgement.results)
    results = [item if isinstance(item, earshot.Rejection) else next(remaining) for item in items]
    tensors = {output.name: output.tensor(results) for output in outputs_of(model.pipeline.taxonomy)}
    head: dict[str, Any] = {"model_name": model.identity.name, "model_version": model.identity.version}
    if asked.id is not None:
        head["id"] = asked.id
    return _response(head, [(tensors[name], binary) for name, binary in wanted.items()])


def _model(request: Request, name: str, version: str | None = None) -> ServedModel:
    model = model_of(request)
    if name != model.identity.name or version not in (None, model.identity.version):
        raise UnknownModelError(model.identity)
    return model


def _read(
    body: bytes, json_length: str | None, max_texts: int
) -> tuple[InferenceRequest, list[earshot.Post | earshot.Rejection]]:
    length = len(body)
    if json_length is not None:
        if not (
            json_length.isascii() and json_length.isdigit() and len(json_length) < 20 and int(json_length) <= length
        ):
            raise UnusableRequestError([FieldProblem(JSON_LENGTH, f"is no number of bytes within the body's {length}")])
        length = int(json_length)
    asked = validate(InferenceRequest, parse_json(body[:length], keep_integers=True), "body")
    tensor = _only_input(asked)
    size = tensor.parameters.binary_data_size
    content: object = tensor.data
    if size is not None:
        content = body[length:]
        if size != len(body) - length:
            detail = f"says {size} bytes, {len(body) - length} follow the JSON"
            raise UnusableRequestError([FieldProblem("inputs.0.parameters.binary_data_size", detail)])
    elements = texts_of(content, tensor.shape, max_texts=max_texts, name="inputs.0")
    return asked, [read_post(element) if isinstance(element, str) else _no_text() for element in elements]


def _only_input(asked: InferenceRequest) -> InputTensor:
    names = [tensor.name for tensor in asked.inputs]
    if names != [INPUT]:
        raise UnusableRequestError([FieldProblem("inputs", f"must be one tensor of the name '{INPUT}'")])
    (tensor,) = asked.inputs
    if tensor.datatype != BYTES:
        raise UnusableRequestError([FieldProblem("inputs.0.datatype", f"must be {BYTES}")])
    if not tensor.shape or min(tensor.shape) < 0 or tensor.shape[1:] not in ([], [1]):
        raise UnusableRequestError([FieldProblem("inputs.0.shape", "must be [texts] or [texts, 1]")])
    return tensor


def _no_text() -> earshot.Rejection:
    return earshot.Rejection(
        id=None, type="unusable-post", title="The post cannot be used", detail="It is no text in UTF-8."
    )


def _wanted(asked: InferenceRequest, model: ServedModel) -> Mapping[str, bool]:
    """The outputs that are wanted, and whether as bytes."""
    known = [output.name for output in outputs_of(model.pipeline.taxonomy)]
    if not asked.outputs:
        return dict.fromkeys(known, asked.parameters.binary_data_output)
    for place, output in enumerate(asked.outputs):
        if output.name not in known:
            raise UnusableRequestError([FieldProblem(f"outputs.{place}.name", f"must be one of {', '.join(known)}")])
    every = asked.parameters.binary_data_output
    return {output.name: output.parameters.binary_data or every for output in asked.outputs}


def _response(head: dict[str, Any], tensors: Sequence[tuple[Tensor, bool]]) -> Response:
    outputs, contents = [], []
    for tensor, binary in tensors:
        if binary:
            described, content = tensor.as_binary()
            outputs.append(described)
            contents.append(content)
        else:
            outputs.append(tensor.as_json())
    if not contents:
        return JSONResponse(head | {"outputs": outputs})
    text = json.dumps(head | {"outputs": outputs}, ensure_ascii=False, allow_nan=False).encode()
    headers = {JSON_LENGTH: str(len(text))}
    return Response(b"".join((text, *contents)), media_type="application/octet-stream", headers=headers)
