"""From error to response: one table, and RFC 9457 `application/problem+json` for all of it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earshot import ModelIdentity
from service.errors import (
    AdministrationOffError,
    BodyTooLargeError,
    CrossSiteError,
    DeadlineExceededError,
    FeedbackOffError,
    FeedbackUnavailableError,
    FieldProblem,
    KeyReusedError,
    NotReadyError,
    OverloadedError,
    ReloadRefusedError,
    ServiceError,
    TooManyStreamsError,
    UnauthorizedError,
    UnknownModelError,
    UnusableRequestError,
)
from service.metrics import Metrics
from service.schemas import Problem, ProblemField

_logger = logging.getLogger(__name__)

_INFERENCE_PROTOCOL = "/v2"
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """How one kind of error is answered.

    Attributes:
        status: The HTTP status.
        name: The end of the problem's `type`, a stable word for programs.
        title: The problem's `title`.
        retry: Whether the same request may well pass a little later.
        headers: What else the answer says.
    """

    status: int
    name: str
    title: str
    retry: bool = False
    headers: Mapping[str, str] | None = None

    @property
    def type(self) -> str:
        """The problem's `type`: a name, since there is no page to lead to."""
        return f"urn:earshot:problem:{self.name}"


PROBLEM_KINDS: Mapping[type[ServiceError], ProblemKind] = {
    UnusableRequestError: ProblemKind(422, "unusable-request", "The request cannot be used"),
    BodyTooLargeError: ProblemKind(413, "body-too-large", "The body is too large"),
    UnauthorizedError: ProblemKind(
        401, "unauthorized", "A key is missing or wrong", headers={"WWW-Authenticate": "Bearer"}
    ),
    OverloadedError: ProblemKind(429, "full", "The service is full", retry=True),
    TooManyStreamsError: ProblemKind(429, "too-many-streams", "Too many streams are open", retry=True),
    DeadlineExceededError: ProblemKind(504, "deadline-exceeded", "The deadline has passed"),
    CrossSiteError: ProblemKind(403, "cross-site", "Corrections are not taken from other sites"),
    FeedbackOffError: ProblemKind(404, "feedback-off", "Corrections are not taken here"),
    KeyReusedError: ProblemKind(422, "idempotency-key-reused", "The idempotency key was used before"),
    FeedbackUnavailableError: ProblemKind(503, "feedback-unavailable", "Corrections cannot be kept now", retry=True),
    AdministrationOffError: ProblemKind(404, "administration-off", "There is no administration here"),
    UnknownModelError: ProblemKind(404, "unknown-model", "There is no such model"),
    ReloadRefusedError: ProblemKind(409, "reload-refused", "The model stays as it is"),
    NotReadyError: ProblemKind(503, "not-ready", "The service is not ready", retry=True),
}
"""The one table. What is not in it is answered with its HTTP status alone, or with 500."""


def problem_response(problem: Problem, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """Render a problem.

    Args:
        problem: What is wrong.
        scope: The request's.
        headers: What else the answer says.
    """
    if scope["path"].startswith(_INFERENCE_PROTOCOL):
        problem = problem.model_copy(update={"error": problem.detail})
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, headers, media_type=PROBLEM_JSON)


_EXAMPLES: Sequence[ServiceError] = (
    UnusableRequestError([FieldProblem("posts", "is missing")]),
    BodyTooLargeError(4 * 1024 * 1024),
    UnauthorizedError(),
    OverloadedError(pending_tokens=4090, max_pending_tokens=4096),
    TooManyStreamsError(8),
    DeadlineExceededError(2000),
    CrossSiteError(),
    FeedbackOffError(),
    KeyReusedError(),
    FeedbackUnavailableError(),
    AdministrationOffError(),
    UnknownModelError(ModelIdentity("earshot-default", "1.0.0", "sha256:2c26b46b68ff…")),
    ReloadRefusedError("earshot-default 0.2.0 goes on: there is no model from before to go back to"),
    NotReadyError("The model is still being loaded; try again a little later."),
)


def problem_responses(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI how a route answers some errors, each with an example; see `add_error_handlers`."""
    described: dict[int | str, dict[str, Any]] = {}
    for error in _EXAMPLES:
        if type(error) not in errors:
            continue
        kind = PROBLEM_KINDS[type(error)]
        response = described.setdefault(kind.status, _description(kind))
        example = {"summary": kind.title, "value": problem_of(error).model_dump(exclude_none=True)}
        response["content"][PROBLEM_JSON]["examples"][kind.name] = example
    return described


def _description(kind: ProblemKind) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}, "examples": {}}
    described: dict[str, Any] = {"description": kind.title, "content": {PROBLEM_JSON: content}}
    if kind.retry:
        described["headers"] = {
            "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
        }
    return described


def problem_of(error: ServiceError) -> Problem:
    """Say what a caller is told of an error."""
    kind = PROBLEM_KINDS[type(error)]
    return Problem(type=kind.type, title=kind.title, status=kind.status, detail=str(error), errors=_fields(error))


def refusal(error: ServiceError, metrics: Metrics) -> ASGIApp:
    """Make what answers every request with one and the same error."""
    kind = PROBLEM_KINDS[type(error)]

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        metrics.refusals.labels(kind.name).inc()
        await problem_response(problem_of(error), scope, kind.headers)(scope, receive, send)

    return refuse


def add_error_handlers(app: FastAPI, *, retry_after_s: int, metrics: Metrics) -> None:
    """Make an application answer every error with a problem.

    Args:
        app: The application.
        retry_after_s: What callers who may try again are told to wait.
        metrics: Where refusals are counted.
    """
    for error_type, kind in PROBLEM_KINDS.items():
        app.add_exception_handler(error_type, _refusal(kind, retry_after_s, metrics))
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(ClientDisconnect, _leaver(metrics))
    app.add_middleware(UnexpectedErrors)


def _refusal(
    kind: ProblemKind, retry_after_s: int, metrics: Metrics
) -> Callable[[Request, Exception], Awaitable[Response]]:
    headers = {"Retry-After": str(retry_after_s)} if kind.retry else kind.headers

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)  # noqa: S101 — it is registered for nothing else
        metrics.refusals.labels(kind.name).inc()
        return problem_response(problem_of(error), request.scope, headers)

    return refuse


def _fields(error: Exception) -> list[ProblemField] | None:
    if not isinstance(error, UnusableRequestError):
        return None
    return [ProblemField(field=problem.field, detail=problem.detail) for problem in error.problems]


def _blank(status: int, detail: str) -> Problem:
    return Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)


_FRAMEWORK_DETAILS = {
    404: "There is nothing at this path; /docs shows what there is.",
    405: "This path has no such method; the header Allow names those that it has.",
}


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself."""
    assert isinstance(error, HTTPException)  # noqa: S101 — it is registered for nothing else
    detail = _FRAMEWORK_DETAILS.get(error.status_code, error.detail)
    return problem_response(_blank(error.status_code, detail), request.scope, error.headers)


def _leaver(metrics: Metrics) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer_nobody(request: Request, error: Exception) -> Response:
        """Answer a caller who has left; nobody reads it, but it is no failure of ours."""
        metrics.abandoned.inc()
        problem = _blank(400, "The connection was closed before there was an answer.")
        return problem_response(problem, request.scope)

    return answer_nobody


class UnexpectedErrors:
    """ASGI middleware: answers 500 to an error that nobody foresaw.

    The log says where it happened and never what the error said, which may quote a post; nor does the response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer if nobody else does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            _logger.error("%s, its text left out as it may quote a post:\n%s", type(error).__name__, where)
            if started:
                # The server is to cut the response off, and gets an error whose text can be logged.
                raise RuntimeError("a response broke off") from None
            problem = _blank(500, "Something went wrong on our side; the request's id leads to the log.")
            await problem_response(problem, scope)(scope, receive, send)
