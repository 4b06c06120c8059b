"""What is said to callers while the service is being stopped. Knows nothing of what they asked."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.lifespan import Lifecycle, Phase


class LastAnswers:
    """ASGI middleware: asks each caller to hang up with its answer, so that none is hung up on.

    Args:
        app: What answers.
        lifecycle: Knows whether the service is being stopped.
    """

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to what is answered."""
        if self._is_draining():
            self._lifecycle.late_requests += 1

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._is_draining():
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)

    def _is_draining(self) -> bool:
        return self._lifecycle.phase is Phase.DRAINING
