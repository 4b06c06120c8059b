"""What is told of each request: an id, how long its stages took, and one log line. Knows nothing of posts."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
RECORD = "record"
"""Where in a request's state its record lies."""

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_PROBES = frozenset({"/livez", "/readyz"})
_BAD = 500


def log_config(level: str) -> dict[str, Any]:
    """Say what is logged, as `logging.config.dictConfig` reads it: our lines, and the server's warnings.

    The server's own access log is left out: it holds query strings, and whoever puts a post there would find
    it in the log.

    Args:
        level: The least severe of our lines.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "service": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "uvicorn": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        },
    }


@dataclass(slots=True)
class RequestRecord:
    """What is known of one request; the route adds what only it knows.

    Attributes:
        id: The caller's name for the request, or one of ours.
        stages_ms: Milliseconds that each measured stage took, in their order.
        posts: How many posts it held, or None where there are none to count.
        started: When it came, on the clock of `time.perf_counter`.
    """

    id: str
    stages_ms: dict[str, float] = field(default_factory=dict)
    posts: int | None = None
    started: float = field(default_factory=time.perf_counter)

    def server_timing(self) -> str:
        """The `Server-Timing` header: the stages, and the total until now."""
        stages = self.stages_ms | {"total": 1000 * (time.perf_counter() - self.started)}
        return ", ".join(f"{name};dur={duration:.2f}" for name, duration in stages.items())


class Telemetry:
    """ASGI middleware: gives each request its record, and each response its headers and log line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = record.id
                headers["Server-Timing"] = record.server_timing()
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            _log(scope, status, record)


def _request_id(given: str | None) -> str:
    return given if given is not None and _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def _log(scope: Scope, status: int | None, record: RequestRecord) -> None:
    # The route's own path, not what the caller asked for: a URL may hold a post.
    path = getattr(scope.get("route"), "path", "(other)")
    probe = path in _PROBES and status is not None and status < _BAD
    _logger.log(
        logging.DEBUG if probe else logging.INFO,
        "%s %s %s %.1f ms%s id=%s",
        scope["method"],
        path,
        status or "(no response)",
        1000 * (time.perf_counter() - record.started),
        "" if record.posts is None else f" posts={record.posts}",
        record.id,
    )
