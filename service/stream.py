"""`POST /v1/classify/stream`: lines in, lines out as they are judged, without bound. Knows nothing of routes.

So many posts are under way at a time and no more: when they are, nothing more is read, and the caller's own sending
comes to a halt (back-pressure); when the caller does not read, nothing more is judged. The posts are background work:
requests for a few posts go first.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from earshot import ModelIdentity, Post, Rejection, Result
from service.body import parse_json
from service.classifier import BACKGROUND, failed
from service.errors import NotReadyError, TooManyStreamsError, UnusableRequestError
from service.lifespan import Lifecycle, Phase
from service.metrics import Metrics
from service.schemas import read_post
from service.telemetry import RequestRecord

_logger = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"
_GROUP_POSTS = 16
_GROUPS_AHEAD = 4
"""Groups that are judged while another is written: enough to keep all threads busy."""


class Streams:
    """Counts the streams that are open.

    Args:
        max_streams: How many there may be.
        metrics: Where they are told.
    """

    def __init__(self, max_streams: int, metrics: Metrics) -> None:
        self._max_streams = max_streams
        self._metrics = metrics
        self._open = 0

    def check(self) -> None:
        """Say whether there is a place for one more.

        Raises:
            TooManyStreamsError: There is none.
        """
        if self._open >= self._max_streams:
            raise TooManyStreamsError(self._max_streams)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place until the end."""
        self._open += 1
        self._metrics.streams.set(self._open)
        try:
            yield
        finally:
            self._open -= 1
            self._metrics.streams.set(self._open)


class LineSplitter:
    """Cuts chunks into lines; of a line that is too long, no more is kept than that.

    Args:
        max_line_bytes: The most that a line may hold.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._rest = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Give the lines that are complete; None for one that is too long."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            yield self._take()
        self._keep(rest)

    def end(self) -> bytes | None:
        """Give what came after the last line break."""
        return self._take()

    def _keep(self, part: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(part) > self._max_line_bytes
        if self._too_long:
            self._rest.clear()
        else:
            self._rest += part

    def _take(self) -> bytes | None:
        line = None if self._too_long else bytes(self._rest)
        self._rest.clear()
        self._too_long = False
        return line


class Stream:
    """One stream, from its lines to the lines that answer them.

    Args:
        chunks: The body as it arrives.
        lifecycle: Who judges.
        record: Where posts are counted.
        max_line_bytes: The most that a line may hold.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], lifecycle: Lifecycle, record: RequestRecord, *, max_line_bytes: int
    ) -> None:
        self._chunks = chunks
        self._lifecycle = lifecycle
        self._record = record
        self._lines = LineSplitter(max_line_bytes)
        self._max_line_bytes = max_line_bytes
        self._line_number = 0
        self._groups: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(_GROUPS_AHEAD)

    async def answers(self) -> AsyncGenerator[bytes]:
        """Give the answers, some lines at a time, in the order of the posts.

        Raises:
            ClientDisconnect: The caller has hung up.
        """
        reading = asyncio.create_task(self._read())
        draining = asyncio.create_task(self._lifecycle.draining())
        draining.add_done_callback(lambda _: reading.cancel())
        try:
            while (group := await self._groups.get()) is not None:
                yield await group
            await asyncio.wait([reading])
            if reading.cancelled():
                yield _lines([_broken_off(Phase.DRAINING.value)])
            else:
                reading.result()  # or the error that ended it
        except NotReadyError as error:
            yield _lines([_broken_off(str(error))])
        finally:
            for task in (reading, draining, *self._left()):
                task.cancel()

    def _left(self) -> Iterator[asyncio.Task[bytes]]:
        while not self._groups.empty():
            if (group := self._groups.get_nowait()) is not None:
                yield group

    async def _read(self) -> None:
        try:
            async for chunk in self._chunks:
                await self._submit(self._lines.feed(chunk))
            await self._submit([self._lines.end()])
        finally:
            await self._groups.put(None)

    async def _submit(self, lines: Iterator[bytes | None] | list[bytes | None]) -> None:
        items: list[Post | Rejection] = []
        for line in lines:
            self._line_number += 1
            if line is not None and not line.strip():
                continue
            items.append(self._item(line))
            if len(items) == _GROUP_POSTS:
                await self._start(items)
                items = []
        if items:
            await self._start(items)

    async def _start(self, items: list[Post | Rejection]) -> None:
        self._record.posts = (self._record.posts or 0) + len(items)
        group = asyncio.create_task(self._judge(items))
        try:
            await self._groups.put(group)
        except asyncio.CancelledError:
            group.cancel()
            raise

    def _item(self, line: bytes | None) -> Post | Rejection:
        if line is None:
            return _unusable_line(f"Line {self._line_number} holds more than {self._max_line_bytes} bytes")
        try:
            return read_post(parse_json(line))
        except UnusableRequestError as error:
            return _unusable_line(f"Line {self._line_number} {error.problems[0].detail}")

    async def _judge(self, items: Sequence[Post | Rejection]) -> bytes:
        posts = [item for item in items if isinstance(item, Post)]
        identity, results = await self._results(posts)
        remaining = iter(results)
        model = {"name": identity.name, "version": identity.version, "digest": identity.digest}
        return _lines(
            [(item if isinstance(item, Rejection) else next(remaining)).as_dict() | {"model": model} for item in items]
        )

    async def _results(self, posts: Sequence[Post]) -> tuple[ModelIdentity, Sequence[Result]]:
        model = self._lifecycle.model_of_accepted()
        try:
            return model.identity, (await model.classifier.classify(posts, background=True)).results
        except NotReadyError:
            raise
        except Exception as error:  # it came of each of them; other posts are not to suffer for it
            self._lifecycle.metrics.posts.labels("failed", BACKGROUND).inc(len(posts))
            return model.identity, [failed(post, error) for post in posts]


class StreamResponse(Response):
    """Sends a stream's answers while its body is still being read.

    The framework's own streaming response reads the rest of the body itself, to learn of the caller's leaving.

    Args:
        parts: The answers.
        place: What is held until they are sent.
        stall_s: Seconds that the caller may leave something unread.
    """

    media_type = NDJSON

    def __init__(self, parts: AsyncGenerator[bytes], place: AbstractContextManager[None], *, stall_s: float) -> None:
        self.status_code = 200
        self.background = None
        self._parts = parts
        self._place = place
        self._stall_s = stall_s
        self.init_headers({"X-Accel-Buffering": "no"})  # a proxy is to pass each line on at once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; it is broken off, without an end, when the caller has left or does not read."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            with self._place:
                async with aclosing(self._parts) as parts:
                    async for part in parts:
                        async with asyncio.timeout(self._stall_s):
                            await send({"type": "http.response.body", "body": part, "more_body": True})
        except ClientDisconnect:
            return
        except TimeoutError:
            _logger.warning("a stream was broken off: its caller did not read for %d s", self._stall_s)
            return
        await send({"type": "http.response.body", "body": b""})


def _lines(results: Sequence[object]) -> bytes:
    return b"".join(
        json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        for result in results
    )


def _unusable_line(problem: str) -> Rejection:
    return Rejection(
        id=None,
        type="unusable-line",
        title="The line cannot be used",
        detail=f"{problem}. A line is a post as JSON: a string, or an object with 'text' and perhaps 'id'.",
    )


def _broken_off(problem: str) -> dict[str, object]:
    """The last line of a stream that we end: the posts after the last answer were not judged."""
    return Rejection(id=None, type="broken-off", title="The stream ends here", detail=problem).as_dict()
