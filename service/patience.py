"""How long a caller waits: until the deadline, or until they hang up. Knows nothing of what they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from service.errors import DeadlineExceededError

_WATCH_AFTER_S = 0.02
"""Most answers are given before, and then nobody need watch the connection."""


class Patience:
    """Ends what is awaited within it once nobody waits for it any more.

    Args:
        timeout_ms: Milliseconds from now until the deadline.

    Raises:
        DeadlineExceededError: The deadline has passed.
        ClientDisconnect: The caller has hung up.
    """

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(timeout_ms / 1000)
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Future[Message] | None = None
        self._left = False

    def watch(self, receive: Receive) -> None:
        """Look out for the caller hanging up; called once the body has been read."""
        self._timer = self._loop.call_later(_WATCH_AFTER_S, self._start, receive)

    def _start(self, receive: Callable[[], Awaitable[Message]]) -> None:
        self._watcher = asyncio.ensure_future(receive())
        self._watcher.add_done_callback(self._heard)

    def _heard(self, watcher: asyncio.Future[Message]) -> None:
        if not watcher.cancelled() and watcher.exception() is None and watcher.result()["type"] == "http.disconnect":
            self._left = True
            self._timeout.reschedule(self._loop.time())

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.remove_done_callback(self._heard)
            self._watcher.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise (ClientDisconnect() if self._left else DeadlineExceededError(self._timeout_ms)) from None
