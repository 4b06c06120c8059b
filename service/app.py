"""The application, composed in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service import admin
from service.docs import add_docs
from service.error_handlers import add_error_handlers, refusal
from service.errors import UnauthorizedError
from service.examples import add_examples
from service.feedback.recorder import Recorder
from service.feedback.routes import router as feedback_router
from service.feedback.schemas import FeedbackRequest
from service.inference_protocol.routes import router as inference_router
from service.inference_protocol.schemas import InferenceRequest
from service.keys import KeyRing
from service.last_answers import LastAnswers
from service.lifespan import Lifecycle
from service.metrics import Metrics
from service.page import add_page
from service.routes import router
from service.schemas import ClassifyRequest, Problem, StreamedError, StreamedPrediction
from service.security import SECURITY_SCHEMES, Authentication, SecurityHeaders, security_of
from service.settings import Settings
from service.stream import Streams
from service.telemetry import Telemetry
from service.tracing import Tracing, open_provider

if TYPE_CHECKING:  # an extra, which most installations lack
    from opentelemetry.sdk.trace import TracerProvider

API_VERSION = "1"

_DESCRIPTION = """\
A post comes in; out come one category, an urgency, calibrated scores, and whether a person should look.

Errors are `application/problem+json` (RFC 9457). Every response carries `X-Request-ID`, the caller's own where it
sent a sane one, and `Server-Timing`: the milliseconds of
`queue`, `tokenize` and `inference` where posts were judged, and the `total`. No log line holds a post's text.
"""


_DESCRIBED: list[tuple[type[BaseModel], JsonSchemaMode]] = [
    (ClassifyRequest, "validation"),
    (FeedbackRequest, "validation"),
    (InferenceRequest, "validation"),
    (StreamedPrediction, "serialization"),
    (StreamedError, "serialization"),
    (Problem, "serialization"),
]


class _Application(FastAPI):
    """Describes the bodies that the framework does not read itself, so does not know of."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        schema = super().openapi()
        _, definitions = models_json_schema(_DESCRIBED, ref_template="#/components/schemas/{model}")
        schemas: dict[str, Any] = schema["components"]["schemas"]
        schemas |= definitions["$defs"]
        max_posts: int = self.state.settings.max_posts_per_request
        schemas[ClassifyRequest.__name__]["properties"]["posts"]["maxItems"] = max_posts
        schema["components"]["schemas"] = dict(sorted(schemas.items()))
        schema["components"]["securitySchemes"] = SECURITY_SCHEMES
        for path, item in schema["paths"].items():
            for operation in item.values():
                if security := security_of(path):
                    operation["security"] = security
        add_examples(schema)
        return schema


def create_app(
    settings: Settings, lifecycle: Lifecycle | None = None, *, traces: TracerProvider | None = None
) -> FastAPI:
    """Compose the service.

    Args:
        settings: Its settings.
        lifecycle: Its life, for who wants to watch it or to bring a model; by default of the settings' bundle.
        traces: Where spans go; by default where the settings say.

    Raises:
        SettingsError: A file that the settings name cannot be used.
        MissingExtraError: The settings ask for something that is not installed.
    """
    lifecycle = lifecycle or Lifecycle(settings)
    metrics = lifecycle.metrics
    recorder = Recorder(settings.feedback_database if settings.takes_feedback else None, metrics=metrics)
    app = _Application(
        title="Earshot",
        version=API_VERSION,
        summary="Post triage",
        description=_DESCRIPTION,
        docs_url=None,  # ours calls no other host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _live(lifecycle, recorder),
        generate_unique_id_function=_route_name,
    )
    app.state.settings = settings
    app.state.lifecycle = lifecycle
    app.state.recorder = recorder
    app.state.streams = Streams(settings.max_streams, metrics)
    app.include_router(router)
    app.include_router(feedback_router)
    app.include_router(inference_router)
    app.include_router(admin.router)
    add_docs(app)
    add_page(app)
    add_error_handlers(app, retry_after_s=settings.retry_after_s, metrics=metrics)
    app.add_middleware(
        Authentication,
        api_keys=_keys(settings.api_keys_file, metrics),
        admin_keys=_keys(settings.admin_keys_file, metrics),
        unauthorized=refusal(UnauthorizedError(), metrics),
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(LastAnswers, lifecycle=lifecycle)
    if traces is not None or settings.otlp_endpoint is not None:
        app.add_middleware(Tracing, provider=traces or open_provider())
    app.add_middleware(Telemetry, metrics=metrics)  # the outermost: whatever answers, it is told of
    return app


@asynccontextmanager
async def _live(lifecycle: Lifecycle, recorder: Recorder) -> AsyncIterator[None]:
    async with lifecycle.run():
        opening = asyncio.create_task(_open(recorder, lifecycle))
        try:
            yield
        finally:
            opening.cancel()
    await recorder.close()


async def _open(recorder: Recorder, lifecycle: Lifecycle) -> None:
    """Open the database when it holds up nobody who waits for the model."""
    await lifecycle.begun.wait()
    recorder.start()


def _keys(path: Path | None, metrics: Metrics) -> KeyRing | None:
    if path is None:
        return None
    return KeyRing(path, reloaded=lambda outcome: metrics.key_reloads.labels(outcome).inc())


def _route_name(route: APIRoute) -> str:
    return route.name
