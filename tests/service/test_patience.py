from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from earshot import Bundle
from service.app import create_app
from service.lifespan import Lifecycle
from service.settings import Settings
from tests.service.asgi import Exchange, tell
from tests.service.fakes import HeldPipeline

BODY = b'{"posts": ["love"]}'


@pytest.mark.parametrize("given", ["0", "-5", "1.5", "soon", "", "٣", "9" * 30])
def test_a_deadline_that_is_no_number_is_refused_with_the_header_named(client: TestClient, given: str) -> None:
    response = client.post("/v1/classify", content=BODY, headers={b"X-Request-Timeout-Ms": given.encode()})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "X-Request-Timeout-Ms"


def test_a_request_within_its_deadline_is_answered(client: TestClient) -> None:
    response = client.post("/v1/classify", content=BODY, headers={"X-Request-Timeout-Ms": "60000"})
    assert response.status_code == 200


@pytest.mark.parametrize("by", ["header", "default"])
def test_past_the_deadline_the_answer_is_504_and_nothing_more_is_judged(bundle: Bundle, by: str) -> None:
    pipeline = HeldPipeline(bundle)
    settings = Settings(request_timeout_ms=50 if by == "default" else 60_000)
    lifecycle = Lifecycle(settings, lambda: pipeline)
    app = create_app(settings, lifecycle)

    async def story() -> None:
        with pipeline.held():
            first = asyncio.create_task(ask(app, {"X-Request-Timeout-Ms": "60000"}))
            await asyncio.to_thread(pipeline.wait_until_entered)
            late = await ask(app, {"X-Request-Timeout-Ms": "50"} if by == "header" else {})
            assert late.status == 504
            assert b"urn:earshot:problem:deadline-exceeded" in late.body
            assert lifecycle.model().classifier.waiting_posts == 0
        assert (await first).status == 200

    tell(lifecycle, story)


def test_a_body_that_does_not_come_is_waited_for_until_the_deadline(bundle: Bundle) -> None:
    settings = Settings(request_timeout_ms=50)
    lifecycle = Lifecycle(settings, lambda: HeldPipeline(bundle))
    app = create_app(settings, lifecycle)

    async def story() -> None:
        slow = Exchange("/v1/classify")
        slow.arrives(BODY[:5])
        await slow.run(app)
        assert slow.status == 504

    tell(lifecycle, story)


def test_who_hangs_up_while_waiting_is_forgotten(bundle: Bundle) -> None:
    pipeline = HeldPipeline(bundle)
    lifecycle = Lifecycle(Settings(), lambda: pipeline)
    app = create_app(Settings(), lifecycle)

    async def story() -> None:
        with pipeline.held():
            first = asyncio.create_task(ask(app, {}))
            await asyncio.to_thread(pipeline.wait_until_entered)
            leaver = Exchange("/v1/classify")
            leaver.arrives(BODY, more=False)
            leaving = asyncio.create_task(leaver.run(app))
            while not lifecycle.model().classifier.waiting_posts:  # noqa: ASYNC110 — seen from outside
                await asyncio.sleep(0.001)
            leaver.leaves()
            await leaving
            assert lifecycle.model().classifier.waiting_posts == 0
        assert (await first).status == 200
        assert lifecycle.metrics.registry.get_sample_value("earshot_abandoned_requests_total") == 1

    tell(lifecycle, story)


async def ask(app: FastAPI, headers: dict[str, str]) -> Exchange:
    exchange = Exchange("/v1/classify", headers)
    exchange.arrives(BODY, more=False)
    await exchange.run(app)
    return exchange
