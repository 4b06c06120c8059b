"""When to ask, when to wait, when to give up. Does neither itself: it says what to do, and is told what came of it.

So that the same code serves a thread that sleeps and a task that awaits.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2

from earshot.client.errors import KINDS, RefusedError, UnreachableError

_FIRST_DELAY_S = 0.1
_MAX_DELAY_S = 5.0
_BUSY = frozenset({429, 502, 503})
_MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000
TIMEOUT_HEADER = "X-Request-Timeout-Ms"


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request.

    Attributes:
        method: Its method.
        path: Where to.
        headers: Its headers.
        content: Its body.
        timeout_s: Seconds until its answer is of no use.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Let some seconds pass."""

    seconds: float


Outcome = httpx2.Response | httpx2.TransportError | None
"""What came of a step: an answer, no answer, or simply that the time has passed."""

Result = TypeVar("Result")
Flow = Generator[Ask | Wait, Outcome, Result]
"""Steps to take, and in the end a result."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take in all, and how its waits are spread.

    Attributes:
        timeout_s: Seconds until a call gives up, its waits included.
        clock: Seconds that only go forward.
        spread: From 0 to 1, at random, so that callers who were refused together don't come back together.
    """

    timeout_s: float
    clock: Callable[[], float] = time.monotonic
    spread: Callable[[], float] = field(default=random.random)


def exchange(
    method: str, path: str, *, headers: Mapping[str, str], content: bytes | None, patience: Patience
) -> Flow[httpx2.Response]:
    """Ask, and ask again while the service is busy or cannot be reached, until the time is up.

    Only for requests that may be sent twice.

    Returns:
        A successful answer.

    Raises:
        UnreachableError: There was no connection.
        RefusedError: The service refused.
    """
    end = patience.clock() + patience.timeout_s
    backoff = _FIRST_DELAY_S
    while True:
        left = max(end - patience.clock(), 0.001)
        limited = {**headers, TIMEOUT_HEADER: str(min(max(1, int(1000 * left)), _MAX_TIMEOUT_MS))}
        outcome = yield Ask(method, path, limited, content, left)
        delay = backoff * (0.5 + 0.5 * patience.spread())
        if isinstance(outcome, httpx2.Response):
            if outcome.is_success:
                return outcome
            refused: Exception = _refusal(outcome)
            if outcome.status_code not in _BUSY:
                raise refused
            # At least as long as it says, and not all at the same moment.
            delay += _retry_after(outcome.headers.get("Retry-After"))
        else:
            refused = UnreachableError(f"{path} cannot be reached: {type(outcome).__name__}: {outcome}")
        if patience.clock() + delay >= end:
            raise refused
        yield Wait(delay)
        backoff = min(2 * backoff, _MAX_DELAY_S)


def _refusal(response: httpx2.Response) -> RefusedError:
    problem = _problem(response)
    fields = {error["field"]: error["detail"] for error in problem.get("errors") or ()}
    kind = KINDS.get(response.status_code, RefusedError)
    return kind(
        response.status_code,
        str(problem.get("type", "about:blank")),
        str(problem.get("title", response.reason_phrase)),
        str(problem.get("detail", "")),
        fields,
    )


def _problem(response: httpx2.Response) -> dict[str, Any]:
    """The problem that is described; a proxy in between describes none."""
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _retry_after(header: str | None) -> float:
    """Seconds to wait, from a `Retry-After` of seconds or a date."""
    with suppress(ValueError):
        seconds = float(header or 0)
        return seconds if seconds > 0 else 0.0  # a nan is none
    try:
        return max((parsedate_to_datetime(header or "") - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
