"""What is told of each request: an id, how long its stages took, and one log line. Knows nothing of posts."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.log import FIELDS
from service.metrics import Metrics

_logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
RECORD = "record"
"""Where in a request's state its record lies."""

ANONYMOUS = "anonymous"
"""Who calls without a key."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
_BAD = 500


@dataclass(slots=True)
class RequestRecord:
    """What is known of one request; the route adds what only it knows.

    Attributes:
        id: The caller's name for the request, or one of ours.
        stages_ms: Milliseconds that each measured stage took, in their order.
        posts: How many posts it held, or None where there are none to count.
        caller: Whose key it came with; `anonymous` without one.
        trace_id: Of the trace that it belongs to, hexadecimal, where traces are kept.
        started: When it came, on the clock of `time.perf_counter`.
    """

    id: str
    stages_ms: dict[str, float] = field(default_factory=dict)
    posts: int | None = None
    caller: str = ANONYMOUS
    trace_id: str | None = None
    started: float = field(default_factory=time.perf_counter)

    def server_timing(self) -> str:
        """The `Server-Timing` header: the stages, and the total until now."""
        stages = self.stages_ms | {"total": 1000 * (time.perf_counter() - self.started)}
        return ", ".join(f"{name};dur={duration:.2f}" for name, duration in stages.items())


class Telemetry:
    """ASGI middleware: gives each request its record, and each response its headers, log line and count.

    Args:
        app: What is watched.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and watch what is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(_request_id(Headers(scope=scope).get(REQUEST_ID)))
        scope.setdefault("state", {})[RECORD] = record
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", record.id.encode()),
                    (b"server-timing", record.server_timing().encode()),
                ]
            await send(message)

        self._metrics.requests_in_flight.inc()
        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._metrics.requests_in_flight.dec()
            self._tell(scope, status, record)

    def _tell(self, scope: Scope, status: int | None, record: RequestRecord) -> None:
        # The route's own path, not what the caller asked for: a URL may hold a post.
        path = getattr(scope.get("route"), "path", "(other)")
        took_s = time.perf_counter() - record.started
        self._metrics.requests.labels(_method(scope), path, str(status or ""), record.caller).inc()
        self._metrics.request_seconds.labels(path).observe(took_s)
        probe = path in _QUIET and status is not None and status < _BAD
        level = logging.DEBUG if probe else logging.INFO
        if not _logger.isEnabledFor(level):
            return
        fields = {
            "method": _method(scope),
            "route": path,
            "status": status,
            "duration_ms": round(1000 * took_s, 2),
            "posts": record.posts,
            "caller": record.caller,
            "request_id": record.id,
            "trace_id": record.trace_id,
        }
        _logger.log(
            level,
            "%s %s %s %.1f ms%s%s id=%s",
            fields["method"],
            path,
            status or "(no response)",
            1000 * took_s,
            "" if record.posts is None else f" posts={record.posts}",
            "" if record.caller is ANONYMOUS else f" caller={record.caller}",
            record.id,
            extra={FIELDS: {name: value for name, value in fields.items() if value is not None}},
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _method(scope: Scope) -> str:
    """The method; made-up ones are not told apart, so that callers cannot make labels or log lines."""
    method: str = scope["method"]
    return method if method in _METHODS else "(other)"


def _request_id(given: str | None) -> str:
    return given if given is not None and _SANE_ID.fullmatch(given) else uuid.uuid4().hex
