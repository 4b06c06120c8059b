"""The two clients: one waits in a thread, the other in a task. All that they know beyond that lies in `routes`."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from earshot.client import routes
from earshot.client.answers import Answer, Judged, Receipt, ServedModel
from earshot.client.errors import ClientError
from earshot.client.exchange import Ask, Flow, Outcome, Patience
from earshot.post import Post, Prediction
from earshot.predictor import ModelIdentity

TIMEOUT_S = 30.0
STREAM_BATCH_SIZE = 64
_Result = TypeVar("_Result")


def _address(url: str) -> httpx2.URL:
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ClientError(f"{url} is no usable address: {error}") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise ClientError(f"{url} is no usable address: name one such as http://127.0.0.1:8000")
    return address


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def _corrected(
    prediction: Prediction, category: str | None, secondary: Sequence[str] | None, urgency: str | None
) -> dict[str, object]:
    """What a person says; where they say nothing, that the prediction was right."""
    chosen = prediction.category if category is None else category
    return {
        "category": chosen,
        "secondary": [name for name in (prediction.secondary if secondary is None else secondary) if name != chosen],
        "urgency": prediction.urgency if urgency is None else urgency,
    }


class Client:
    """Asks a service, and asks again while it is busy or cannot be reached.

    May be used from several threads at once. A method takes its time: `timeout_s` in all, its waits included, which the
    service is told of as well. Every method raises `ClientError`: see `earshot.client.errors`.

    Args:
        url: The service's address.
        api_key: A key, where the service asks for one.
        timeout_s: Seconds until a call gives up.
        transport: Instead of a connection: see `httpx2`.
        sleep: Waits for so many seconds; a test may count instead.

    Raises:
        ClientError: The address cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx2.Client(base_url=_address(url), headers=_headers(api_key), transport=transport)
        self._timeout_s = timeout_s
        self._sleep = sleep

    def classify(self, posts: Sequence[Post | str], *, explain: bool = False, timeout_s: float | None = None) -> Answer:
        """Judge as many posts as a request may hold, 256 by default.

        Args:
            posts: Posts, or simply their texts.
            explain: Whether to say which words carried each decision; allowed for a few posts at a time.
            timeout_s: Seconds until this call gives up.
        """
        return self._run(routes.classify(posts, explain=explain, patience=self._patience(timeout_s)))

    def stream(self, posts: Iterable[Post | str], *, batch_size: int = STREAM_BATCH_SIZE) -> Iterator[Judged]:
        """Judge any number of posts, as they come and as the results are read.

        The service judges them behind single requests, which stay as quick as without.

        Args:
            posts: Any number of posts, or simply their texts.
            batch_size: How many are sent at a time; each batch has `timeout_s`.

        Returns:
            One result per post, in order.
        """
        remaining = iter(posts)
        while batch := list(islice(remaining, batch_size)):
            yield from self._run(routes.classify_lines(batch, patience=self._patience()))

    def describe_model(self) -> ServedModel:
        """Ask which model is served, and what it may say."""
        return self._run(routes.describe_model(patience=self._patience()))

    def give_feedback(
        self,
        text: str,
        prediction: Prediction,
        model: ModelIdentity,
        *,
        category: str | None = None,
        secondary: Sequence[str] | None = None,
        urgency: str | None = None,
        reviewer: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Have a person's word on a prediction kept. What is left out was right.

        Args:
            text: The post.
            prediction: What was said of it.
            model: Which model said so.
            category: What the person says.
            secondary: What else they say.
            urgency: How urgent they say it is.
            reviewer: Who they are.
            note: What they have to say about it.
            idempotency_key: A name of your own for this correction, if you may send it again in another call.
        """
        return self._run(
            routes.give_feedback(
                text,
                prediction,
                model,
                correction=_corrected(prediction, category, secondary, urgency),
                reviewer=reviewer,
                note=note,
                idempotency_key=idempotency_key or uuid.uuid4().hex,
                patience=self._patience(),
            )
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _patience(self, timeout_s: float | None = None) -> Patience:
        return Patience(self._timeout_s if timeout_s is None else timeout_s)

    def _run(self, flow: Flow[_Result]) -> _Result:
        outcome: Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as done:
                result: _Result = done.value
                return result
            if isinstance(step, Ask):
                outcome = self._ask(step)
            else:
                self._sleep(step.seconds)
                outcome = None

    def _ask(self, ask: Ask) -> Outcome:
        try:
            return self._http.request(
                ask.method, ask.path, headers=ask.headers, content=ask.content, timeout=ask.timeout_s
            )
        except httpx2.TransportError as error:
            return error


class AsyncClient:
    """The same as `Client`, for asyncio.

    Args:
        url: The service's address.
        api_key: A key, where the service asks for one.
        timeout_s: Seconds until a call gives up.
        transport: Instead of a connection: see `httpx2`.
        sleep: Waits for so many seconds; a test may count instead.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx2.AsyncClient(base_url=_address(url), headers=_headers(api_key), transport=transport)
        self._timeout_s = timeout_s
        self._sleep = sleep

    async def classify(
        self, posts: Sequence[Post | str], *, explain: bool = False, timeout_s: float | None = None
    ) -> Answer:
        """Judge posts: see `Client.classify`."""
        return await self._run(routes.classify(posts, explain=explain, patience=self._patience(timeout_s)))

    async def stream(
        self, posts: Iterable[Post | str] | AsyncIterable[Post | str], *, batch_size: int = STREAM_BATCH_SIZE
    ) -> AsyncIterator[Judged]:
        """Judge any number of posts: see `Client.stream`."""
        batch: list[Post | str] = []
        async for post in _each(posts):
            batch.append(post)
            if len(batch) == batch_size:
                for judged in await self._run(routes.classify_lines(batch, patience=self._patience())):
                    yield judged
                batch = []
        for judged in await self._run(routes.classify_lines(batch, patience=self._patience())):
            yield judged

    async def describe_model(self) -> ServedModel:
        """Ask which model is served: see `Client.describe_model`."""
        return await self._run(routes.describe_model(patience=self._patience()))

    async def give_feedback(
        self,
        text: str,
        prediction: Prediction,
        model: ModelIdentity,
        *,
        category: str | None = None,
        secondary: Sequence[str] | None = None,
        urgency: str | None = None,
        reviewer: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Have a person's word on a prediction kept: see `Client.give_feedback`."""
        return await self._run(
            routes.give_feedback(
                text,
                prediction,
                model,
                correction=_corrected(prediction, category, secondary, urgency),
                reviewer=reviewer,
                note=note,
                idempotency_key=idempotency_key or uuid.uuid4().hex,
                patience=self._patience(),
            )
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _patience(self, timeout_s: float | None = None) -> Patience:
        return Patience(self._timeout_s if timeout_s is None else timeout_s)

    async def _run(self, flow: Flow[_Result]) -> _Result:
        outcome: Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as done:
                result: _Result = done.value
                return result
            if isinstance(step, Ask):
                outcome = await self._ask(step)
            else:
                await self._sleep(step.seconds)
                outcome = None

    async def _ask(self, ask: Ask) -> Outcome:
        try:
            return await self._http.request(
                ask.method, ask.path, headers=ask.headers, content=ask.content, timeout=ask.timeout_s
            )
        except httpx2.TransportError as error:
            return error


async def _each(posts: Iterable[Post | str] | AsyncIterable[Post | str]) -> AsyncIterator[Post | str]:
    if isinstance(posts, AsyncIterable):
        async for post in posts:
            yield post
    else:
        for post in posts:
            yield post
