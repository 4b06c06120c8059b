"""Both clients against a real service on a real port."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from earshot import Bundle, Pipeline, Post, Prediction, Rejection
from earshot.client import (
    AsyncClient,
    BadAnswerError,
    Client,
    ClientError,
    UnauthorizedError,
    UnreachableError,
    UnusableRequestError,
)
from earshot.feedback import Labels
from earshot.feedback.store import FeedbackStore
from service.settings import Settings
from tests.service.running import running
from tests.tiny import write_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_tiny_bundle(tmp_path_factory.mktemp("client") / "tiny")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('client')}/feedback.db"


@pytest.fixture(scope="module")
def url(bundle: Bundle, database: str) -> Iterator[str]:
    with running(Settings(feedback_database=database), lambda: Pipeline(bundle, threads=1)) as url:
        yield url


def test_posts_get_their_results_in_order(url: str, bundle: Bundle) -> None:
    with Client(url) as client:
        answer = client.classify([Post("I want a refund", "a1"), "", "love it \ud83d"])
    assert answer.model == bundle.identity
    refund, empty, love = answer.results
    assert isinstance(refund, Prediction)
    assert (refund.id, refund.category) == ("a1", "billing")
    assert isinstance(empty, Rejection)
    assert empty.type == "empty-post"
    assert isinstance(love, Prediction)
    assert answer.explanations == []


def test_words_are_explained(url: str) -> None:
    with Client(url) as client:
        answer = client.classify(["I want a refund", ""], explain=True)
    words, none = answer.explanations
    assert max(words, key=lambda word: word.contribution).start == len("I want a ")
    assert none == ()


def test_the_model_says_what_it_is(url: str, bundle: Bundle) -> None:
    with Client(url) as client:
        model = client.describe_model()
    assert model.identity == bundle.identity
    assert model.taxonomy == bundle.manifest.taxonomy
    assert model.takes_feedback
    assert model.description["limits"]["max_tokens"] == 32


def test_a_stream_of_any_length_is_judged_in_order_and_no_faster_than_it_is_read(url: str) -> None:
    taken = 0

    def posts() -> Iterator[str]:
        nonlocal taken
        for number in range(150):
            taken += 1
            yield f"refund {number}" if number % 2 else ""

    with Client(url) as client:
        judged = client.stream(posts(), batch_size=20)
        first = next(judged)
        assert taken == 20
        results = [first, *judged]
    assert [isinstance(each.result, Prediction) for each in results] == [bool(number % 2) for number in range(150)]
    assert len({each.model for each in results}) == 1


def test_feedback_is_kept(url: str, database: str) -> None:
    with Client(url) as client:
        answer = client.classify(["charged twice, refund"])
        (prediction,) = answer.results
        assert isinstance(prediction, Prediction)
        said = {"category": "complaint", "urgency": "high", "reviewer": "ada", "idempotency_key": "schlüssel"}
        receipt = client.give_feedback("charged twice, refund", prediction, answer.model, **said)
        assert client.give_feedback("charged twice, refund", prediction, answer.model, **said) == receipt
        client.give_feedback("it was right", prediction, answer.model)
    store = FeedbackStore.open(database)
    labels = {each.correction.text: each.correction.corrected for each in store.corrections()}
    store.close()
    assert labels["charged twice, refund"] == Labels("complaint", (), "high")
    assert labels["it was right"] == Labels(prediction.category, prediction.secondary, prediction.urgency)


def test_what_cannot_be_used_is_refused_with_the_field(url: str) -> None:
    with Client(url) as client, pytest.raises(UnusableRequestError) as caught:
        client.classify(["love"] * 257)
    assert list(caught.value.fields) == ["posts"]


def test_a_key_is_sent(bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"desk:sha256:{hashlib.sha256(b'secret').hexdigest()}\n")
    with running(Settings(api_keys_file=keys), lambda: Pipeline(bundle, threads=1)) as url:
        with Client(url) as client, pytest.raises(UnauthorizedError):
            client.classify(["love"])
        with Client(url, api_key="secret") as client:
            assert len(client.classify(["love"]).results) == 1


def test_a_service_that_starts_is_waited_for(bundle: Bundle) -> None:
    gate = threading.Event()

    def load() -> Pipeline:
        gate.wait()
        return Pipeline(bundle, threads=1)

    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        gate.set()

    with running(Settings(retry_after_s=0), load) as url, Client(url, sleep=sleep) as client:
        assert len(client.classify(["love"]).results) == 1
    assert waits


def test_nobody_there_is_told_of_within_the_time() -> None:
    with Client("http://127.0.0.1:9", timeout_s=0.3) as client, pytest.raises(UnreachableError, match="/v1/model"):
        client.describe_model()


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"results": []}', b'{"model": {}, "results": [{}]}'])
def test_an_answer_of_something_else_is_told_of_without_what_it_holds(content: bytes) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content))
    with Client("http://test", transport=transport) as client, pytest.raises(BadAnswerError):
        client.classify(["xyzzy"])


@pytest.mark.parametrize("url", ["http://a:b", "localhost:8000", "ftp://localhost", "http://", ""])
def test_an_address_that_is_none_is_told_of_at_once(url: str) -> None:
    with pytest.raises(ClientError, match="no usable address"):
        Client(url)
    with pytest.raises(ClientError, match="no usable address"):
        AsyncClient(url)


def test_all_of_it_works_in_asyncio_too(url: str, bundle: Bundle) -> None:
    async def posts() -> AsyncIterator[str]:
        for number in range(50):
            yield f"refund {number}"

    async def story() -> None:
        async with AsyncClient(url) as client:
            assert (await client.describe_model()).identity == bundle.identity
            answer, other = await asyncio.gather(client.classify(["love"]), client.classify(["lunch today"]))
            (prediction,) = answer.results
            assert isinstance(prediction, Prediction)
            assert prediction.category == "praise"
            assert len(other.results) == 1
            assert (await client.give_feedback("love", prediction, answer.model, category="none")).id
            assert len([judged async for judged in client.stream(posts(), batch_size=20)]) == 50
            assert [judged async for judged in client.stream([])] == []
            with pytest.raises(UnusableRequestError):
                await client.classify(["love"] * 257)

    asyncio.run(story())


def test_in_asyncio_a_service_that_is_busy_is_asked_again() -> None:
    answers = [httpx2.Response(429, headers={"Retry-After": "7"}), httpx2.Response(503)]
    waits: list[float] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        return answers.pop(0) if answers else httpx2.Response(404)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def story() -> None:
        transport = httpx2.MockTransport(answer)
        async with AsyncClient("http://test", transport=transport, sleep=sleep) as client:
            with pytest.raises(ClientError, match="404"):
                await client.describe_model()

    asyncio.run(story())
    assert 7 < waits[0] < 8
    assert len(waits) == 2
