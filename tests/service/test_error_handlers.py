from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from earshot import Bundle
from service import errors
from service.error_handlers import PROBLEM_KINDS, UnexpectedErrors
from service.errors import ServiceError, SettingsError
from service.settings import Settings
from tests.service.conftest import serving
from tests.service.fakes import MishapPipeline


@pytest.fixture(scope="module")
def mishap_client(bundle: Bundle) -> Iterator[TestClient]:
    with serving(Settings(), lambda: MishapPipeline(bundle, threads=1)) as client:
        yield client


def test_every_error_that_a_request_may_meet_is_in_the_table() -> None:
    family = {
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, ServiceError) and error is not ServiceError
    }
    assert family - {SettingsError} == set(PROBLEM_KINDS)  # settings are read before there are requests


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    response = client.get("/v1/nothing")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this path; /docs shows what there is.",
    }


def test_an_unknown_method_is_a_problem_that_names_the_known_ones(client: TestClient) -> None:
    response = client.get("/v1/classify")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["allow"] == "POST"
    assert response.json()["status"] == 405


def test_an_unforeseen_error_is_a_problem_without_internals(
    mishap_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = mishap_client.post("/v1/classify", json={"posts": ["a secret mishap"]})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    assert response.json()["title"] == "Internal Server Error"
    assert "RuntimeError" not in response.text
    assert "secret" not in response.text
    assert mishap_client.post("/v1/classify", json={"posts": ["love"]}).status_code == 200


def test_an_unforeseen_error_is_logged_with_its_place_and_without_its_text(
    mishap_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    mishap_client.post("/v1/classify", json={"posts": ["a secret mishap"]})
    assert "RuntimeError" in caplog.text
    assert "in judge" in caplog.text
    assert "secret" not in caplog.text


def test_an_error_after_the_answer_began_cuts_it_off_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    text = "a secret"

    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(text)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="broke off") as caught:
        asyncio.run(UnexpectedErrors(breaks_off)({"type": "http"}, receive, send))
    assert caught.value.__suppress_context__
    assert len(sent) == 1
    assert "secret" not in caplog.text


def test_a_caller_who_leaves_halfway_is_no_error_of_ours(
    mishap_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Message] = []
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b'{"posts', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    async def leave() -> None:
        scope = {"type": "http", "method": "POST", "path": "/v1/classify", "query_string": b"", "headers": []}
        await mishap_client.app(scope, receive, send)

    asyncio.run(leave())
    assert sent[0]["status"] == 400
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
