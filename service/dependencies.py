"""What routes ask of a request.

Plain functions of the request, where the framework would have its dependencies: it solves those anew for each request,
which costs more than all else that a route does for one post.
"""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from service.body import read_body
from service.errors import FieldProblem, UnusableRequestError
from service.lifespan import Lifecycle, ServedModel
from service.settings import Settings
from service.stream import Streams
from service.telemetry import RECORD, RequestRecord

TIMEOUT = "X-Request-Timeout-Ms"
"""The header by which a caller sets a deadline, in milliseconds from the request's arrival."""
MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000


def settings_of(request: Request) -> Settings:
    """The service's settings."""
    return cast(Settings, request.app.state.settings)


def lifecycle_of(request: Request) -> Lifecycle:
    """The service's life."""
    return cast(Lifecycle, request.app.state.lifecycle)


def record_of(request: Request) -> RequestRecord:
    """What is known of the request."""
    return cast(RequestRecord, request.scope["state"][RECORD])


def streams_of(request: Request) -> Streams:
    """The streams that are open."""
    return cast(Streams, request.app.state.streams)


def model_of(request: Request) -> ServedModel:
    """The model.

    Raises:
        NotReadyError: There is none to ask.
    """
    return lifecycle_of(request).model()


def timeout_ms_of(request: Request) -> int:
    """Milliseconds that the caller waits, or that the service allows where they don't say.

    Raises:
        UnusableRequestError: The header is no number of milliseconds.
    """
    given = request.headers.get(TIMEOUT)
    if given is None:
        return settings_of(request).request_timeout_ms
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(MAX_TIMEOUT_MS))):
        raise UnusableRequestError([FieldProblem(TIMEOUT, "must be a whole number of milliseconds")])
    timeout_ms = int(given)
    if not 1 <= timeout_ms <= MAX_TIMEOUT_MS:
        raise UnusableRequestError([FieldProblem(TIMEOUT, f"must be between 1 and {MAX_TIMEOUT_MS}")])
    return timeout_ms


async def body_of(request: Request) -> bytes:
    """The body, within its bound.

    The framework's own reading of bodies is not used: it knows no bound, and fails all posts where one is bad.

    Raises:
        BodyTooLargeError: It is larger.
    """
    declared = request.headers.get("content-length", "")
    return await read_body(
        request.stream(),
        declared_bytes=int(declared) if declared.isdecimal() else None,
        max_body_bytes=settings_of(request).max_body_bytes,
    )
