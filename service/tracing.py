"""OpenTelemetry traces of requests, where an endpoint is configured. Knows nothing of posts.

Needs the extra `otel`. The endpoint is OTEL_EXPORTER_OTLP_ENDPOINT; whatever else OpenTelemetry reads from the
environment (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, …) holds as well.
"""

from __future__ import annotations

import time
from importlib import metadata
from typing import TYPE_CHECKING, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earshot import MissingExtraError
from service.telemetry import RECORD, RequestRecord

if TYPE_CHECKING:  # an extra, which most installations lack
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_SERVICE_NAME = "earshot"
_NS_PER_MS = 1_000_000
_BAD = 500


def open_provider() -> TracerProvider:
    """Open what sends spans to the configured endpoint, in the background.

    Raises:
        MissingExtraError: The extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtraError(f"OTEL_EXPORTER_OTLP_ENDPOINT (which lacks {error.name})", "otel") from error
    version = metadata.version(_SERVICE_NAME)
    resource = Resource({"service.name": _SERVICE_NAME, "service.version": version}).merge(Resource.create())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Tracing:
    """ASGI middleware: a span for each request, within the caller's trace, and one below it for each stage.

    Args:
        app: What is traced.
        provider: Where spans go.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, use_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer: Tracer = provider.get_tracer("service")
        self._extract = TraceContextTextMapPropagator().extract
        self._server = SpanKind.SERVER
        self._use = use_span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within its span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method: str = scope["method"]
        span = self._tracer.start_span(method, context=self._extract(headers), kind=self._server)
        record = cast(RequestRecord, scope["state"][RECORD])
        record.trace_id = f"{span.get_span_context().trace_id:032x}"

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._describe(span, scope, record, message["status"])
            await send(message)

        try:
            with self._use(span, record_exception=False, set_status_on_exception=False):
                await self._app(scope, receive, watch)
        finally:
            span.end()

    def _describe(self, span: Span, scope: Scope, record: RequestRecord, status: int) -> None:
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        method: str = scope["method"]
        # The route's own path, not what the caller asked for: a URL may hold a post.
        route = getattr(scope.get("route"), "path", None)
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.response.status_code", status)
        if route is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        if record.posts is not None:
            span.set_attribute("earshot.posts", record.posts)
        if status >= _BAD:
            span.set_status(Status(StatusCode.ERROR))
        end = time.time_ns()
        within = set_span_in_context(span)
        for stage, took_ms in self._latest_first(record):
            start = end - int(took_ms * _NS_PER_MS)
            self._tracer.start_span(stage, context=within, start_time=start).end(end)
            end = start

    def _latest_first(self, record: RequestRecord) -> list[tuple[str, float]]:
        """The stages backwards in time: posts are tokenized, wait, and are judged."""
        return [
            (name, record.stages_ms[name]) for name in ("inference", "queue", "tokenize") if name in record.stages_ms
        ]
