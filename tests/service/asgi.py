"""One request to an application without a server between, so that a test decides when what arrives and is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from service.lifespan import Lifecycle, Phase

WITHIN_S = 60


@dataclass
class Exchange:
    """What is said in both directions.

    Attributes:
        arrived: Messages that the application may read.
        sent: What it has sent.
        take: Awaited for each message that is sent, before it counts as taken.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    arrived: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    sent: list[Message] = field(default_factory=list)
    take: Callable[[Message], Awaitable[None]] | None = None
    read: int = 0

    def arrives(self, body: bytes, *, more: bool = True) -> None:
        self.arrived.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leaves(self) -> None:
        self.arrived.put_nowait({"type": "http.disconnect"})

    async def run(self, app: ASGIApp) -> None:
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        message = await self.arrived.get()
        self.read += 1
        return message

    async def _send(self, message: Message) -> None:
        if self.take is not None:
            await self.take(message)
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        return bool(self.sent) and self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body")


def tell(lifecycle: Lifecycle, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Tell a story of a service that is ready, and end it."""

    async def told() -> None:
        async with asyncio.timeout(WITHIN_S), lifecycle.run():
            while lifecycle.phase is Phase.STARTING:  # noqa: ASYNC110 — seen from outside
                await asyncio.sleep(0.001)
            await story()

    asyncio.run(told())
