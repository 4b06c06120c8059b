from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message

from earshot import Bundle, Pipeline
from service.app import create_app
from service.lifespan import Lifecycle
from service.schemas import StreamedError, StreamedPrediction
from service.settings import Settings
from service.stream import NDJSON, LineSplitter
from tests.service.asgi import Exchange, tell
from tests.service.conftest import serving
from tests.service.fakes import HeldPipeline, MishapPipeline
from tests.tiny import KEYWORDS

PATH = "/v1/classify/stream"


def lines(posts: Sequence[object]) -> bytes:
    return b"".join(json.dumps(post).encode() + b"\n" for post in posts)


def answers(body: bytes) -> list[dict[str, Any]]:
    assert body == b"" or body.endswith(b"\n")
    read = [json.loads(line) for line in body.splitlines()]
    for line in read:
        (StreamedError if "error" in line else StreamedPrediction).model_validate(line, strict=True, extra="forbid")
    return read


def stream(client: TestClient, body: bytes) -> list[dict[str, Any]]:
    response = client.post(PATH, content=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == NDJSON
    assert "content-length" not in response.headers
    return answers(response.content)


def test_a_thousand_posts_are_answered_in_order(client: TestClient, bundle: Bundle) -> None:
    words = [word for _, word in zip(range(1000), list(KEYWORDS) * 200, strict=False)]
    results = stream(client, lines([{"id": str(index), "text": f"so {word}"} for index, word in enumerate(words)]))
    assert [result["id"] for result in results] == [str(index) for index in range(1000)]
    assert [result["category"] for result in results] == [KEYWORDS[word] for word in words]
    assert {result["model"]["digest"] for result in results} == {bundle.identity.digest}


def test_a_post_gets_the_same_scores_as_in_a_request(client: TestClient) -> None:
    (alone,) = client.post("/v1/classify", json={"posts": ["a refund today"]}).json()["results"]
    (streamed,) = stream(client, lines(["a refund today"]))
    assert streamed["scores"] == pytest.approx(alone["scores"], abs=1e-5)
    assert {**streamed, "scores": None, "model": None} == {**alone, "scores": None, "model": None}


def test_one_bad_line_is_one_error_line(client: TestClient) -> None:
    body = lines(["love"]) + b'not json\n{"id": "b", "text": 5}\n\xff\n""\n' + lines(["refund"])
    results = stream(client, body)
    assert ["error" in result for result in results] == [False, True, True, True, True, False]
    types = [result["error"]["type"] for result in results[1:5]]
    assert types == ["unusable-line", "unusable-post", "unusable-line", "empty-post"]
    assert results[1]["error"]["detail"].startswith("Line 2 is not JSON")
    assert results[2]["id"] == "b"


def test_blank_lines_get_nothing_and_the_last_line_needs_no_end(client: TestClient) -> None:
    assert [result["category"] for result in stream(client, b'\n"love"\r\n  \n"refund"')] == ["praise", "billing"]
    assert stream(client, b"") == []


def test_a_line_that_is_too_long_spoils_no_other(bundle: Bundle) -> None:
    with serving(Settings(max_line_bytes=50), lambda: Pipeline(bundle, threads=1)) as client:
        results = stream(client, lines(["love", "x" * 10_000, "refund"]))
    assert [result.get("category") for result in results] == ["praise", None, "billing"]
    assert "Line 2 holds more than 50 bytes" in results[1]["error"]["detail"]


def test_a_post_over_which_the_model_fails_spoils_no_other(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Settings(), lambda: MishapPipeline(bundle, threads=1)) as client:
        results = stream(client, lines(["love", {"id": "m", "text": "a secret mishap"}, "refund"]))
    assert [result.get("category") for result in results] == ["praise", None, "billing"]
    assert (results[1]["id"], results[1]["error"]["type"]) == ("m", "internal-error")
    assert "secret" not in json.dumps(results) + caplog.text


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(1, 20), min_size=1))
def test_lines_are_the_same_however_they_are_cut_into_chunks(parts: list[bytes], sizes: list[int]) -> None:
    body = b"\n".join(parts)
    splitter, start, turn = LineSplitter(15), 0, 0
    found: list[bytes | None] = []
    while start < len(body):
        size = sizes[turn % len(sizes)]
        found += splitter.feed(body[start : start + size])
        start, turn = start + size, turn + 1
    found.append(splitter.end())
    assert found == [line if len(line) <= 15 else None for line in body.split(b"\n")]


@pytest.fixture
def held(bundle: Bundle) -> HeldPipeline:
    return HeldPipeline(bundle)


@pytest.fixture
def lifecycle(held: HeldPipeline) -> Lifecycle:
    return Lifecycle(Settings(max_streams=1, stream_stall_s=1), lambda: held)


@pytest.fixture
def app(lifecycle: Lifecycle) -> FastAPI:
    return create_app(Settings(max_streams=1, stream_stall_s=1), lifecycle)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def test_a_line_is_answered_while_the_body_is_still_open(app: FastAPI, lifecycle: Lifecycle) -> None:
    async def story() -> None:
        exchange = Exchange(PATH)
        task = asyncio.create_task(exchange.run(app))
        for count in range(1, 4):
            exchange.arrives(lines(["love"]))
            await until(lambda count=count: exchange.body.count(b"\n") == count)  # type: ignore[misc]
        exchange.arrives(b"", more=False)
        await task
        assert exchange.is_complete

    tell(lifecycle, story)


def test_nothing_more_is_read_while_answers_are_left_unread(app: FastAPI, lifecycle: Lifecycle) -> None:
    async def story() -> None:
        reads = asyncio.Event()

        async def take(message: Message) -> None:
            if message["type"] == "http.response.body":
                await reads.wait()

        exchange = Exchange(PATH, take=take)
        for _ in range(1000):
            exchange.arrives(lines(["love"] * 16))
        exchange.arrives(b"", more=False)
        task = asyncio.create_task(exchange.run(app))
        await until(lambda: exchange.read > 0)
        for _ in range(200):
            await asyncio.sleep(0)
        assert exchange.read < 20
        reads.set()
        await task
        assert len(answers(exchange.body)) == 16_000

    tell(lifecycle, story)


def test_a_stream_that_nobody_reads_is_broken_off(app: FastAPI, lifecycle: Lifecycle) -> None:
    async def story() -> None:
        async def take(message: Message) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        exchange = Exchange(PATH, take=take)
        exchange.arrives(lines(["love"]))
        await exchange.run(app)
        assert not exchange.is_complete

    tell(lifecycle, story)


def test_a_caller_who_leaves_frees_the_place(app: FastAPI, lifecycle: Lifecycle) -> None:
    async def story() -> None:
        first = Exchange(PATH)
        task = asyncio.create_task(first.run(app))
        first.arrives(lines(["love"]))
        await until(lambda: bool(first.body))

        refused = Exchange(PATH)
        await refused.run(app)
        assert refused.status == 429
        assert b"too-many-streams" in refused.body

        first.leaves()
        await task
        assert not first.is_complete
        second = Exchange(PATH)
        second.arrives(lines(["love"]), more=False)
        await second.run(app)
        assert second.status == 200

    tell(lifecycle, story)


def test_when_the_service_stops_what_was_read_is_answered_and_the_end_is_told(
    app: FastAPI, lifecycle: Lifecycle, held: HeldPipeline
) -> None:
    async def story() -> None:
        exchange = Exchange(PATH)
        with held.held():
            task = asyncio.create_task(exchange.run(app))
            exchange.arrives(lines(["love", "refund"]))
            await asyncio.to_thread(held.wait_until_entered)
            lifecycle.drain()
            await asyncio.sleep(0)
        await task
        results = answers(exchange.body)
        assert [result.get("category") for result in results] == ["praise", "billing", None]
        assert results[-1]["error"]["type"] == "broken-off"
        assert exchange.is_complete

    tell(lifecycle, story)


def test_a_request_is_answered_before_the_streams_posts_that_came_first(
    app: FastAPI, lifecycle: Lifecycle, held: HeldPipeline
) -> None:
    async def story() -> None:
        order: list[str] = []

        async def take_streamed(message: Message) -> None:
            if message.get("body"):
                order.append("stream")

        streamed = Exchange(PATH, take=take_streamed)
        asked = Exchange("/v1/classify")
        with held.held():
            tasks = [asyncio.create_task(streamed.run(app))]
            streamed.arrives(lines(["love"] * 500), more=False)
            await asyncio.to_thread(held.wait_until_entered)
            tasks.append(asyncio.create_task(asked.run(app)))
            asked.arrives(b'{"posts": ["refund"]}', more=False)
            await until(lambda: lifecycle.budget.pending_tokens > 0)
        await tasks[1]
        assert streamed.body.count(b"\n") < 500
        await tasks[0]
        assert streamed.body.count(b"\n") == 500

    tell(lifecycle, story)
