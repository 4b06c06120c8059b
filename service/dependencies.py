"""What routes ask for, as annotated aliases.

All of it is `async`, however little it does: the framework sends what is not through a thread.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from service.body import parse_json, read_body
from service.lifespan import Lifecycle, ServedModel
from service.schemas import ClassifyRequest
from service.settings import Settings
from service.telemetry import RECORD, RequestRecord


async def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def _lifecycle(request: Request) -> Lifecycle:
    return cast(Lifecycle, request.app.state.lifecycle)


async def _record(request: Request) -> RequestRecord:
    return cast(RequestRecord, getattr(request.state, RECORD))


CurrentSettings = Annotated[Settings, Depends(_settings)]
CurrentLifecycle = Annotated[Lifecycle, Depends(_lifecycle)]
CurrentRecord = Annotated[RequestRecord, Depends(_record)]


async def _model(lifecycle: CurrentLifecycle) -> ServedModel:
    return lifecycle.model()


ReadyModel = Annotated[ServedModel, Depends(_model)]
"""The model; a request that asks for it is refused while there is none."""


async def _classify_body(request: Request, settings: CurrentSettings, _: ReadyModel) -> ClassifyRequest:
    # The model is asked for first: without one the body is not even read.
    declared = request.headers.get("content-length", "")
    body = await read_body(
        request.stream(),
        declared_bytes=int(declared) if declared.isdecimal() else None,
        max_body_bytes=settings.max_body_bytes,
    )
    return ClassifyRequest.read(parse_json(body), max_posts=settings.max_posts_per_request)


ClassifyBody = Annotated[ClassifyRequest, Depends(_classify_body)]
"""The body of a request for predictions, whatever its `Content-Type` says. The framework's own reading of
bodies is not used: it knows no bound, and fails all posts where one is bad."""
