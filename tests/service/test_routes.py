from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from earshot import Bundle, BundleError, Pipeline
from service.app import create_app
from service.lifespan import Lifecycle
from service.schemas import ClassifyResponse, Health, ModelDescription, Problem
from service.settings import Settings
from tests.service.conftest import serving, wait_until_ready
from tests.service.fakes import HeldPipeline, MishapPipeline
from tests.tiny import KEYWORDS, URGENT

# The same as the contract's promise about scores.
TOLERANCE = 1e-5


def classify(client: TestClient, posts: Sequence[object]) -> list[dict[str, Any]]:
    response = client.post("/v1/classify", json={"posts": posts})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    ClassifyResponse.model_validate(body, strict=True, extra="forbid")
    results: list[dict[str, Any]] = body["results"]
    assert len(results) == len(posts)
    return results


def refused(response: httpx2.Response, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content, strict=True, extra="forbid")
    assert problem.status == status
    return problem


def fields(response: httpx2.Response) -> list[str]:
    return [error.field for error in refused(response, 422).errors or ()]


def test_forty_posts_come_back_in_order_with_scores_that_sum_to_one(client: TestClient) -> None:
    words = [word for _, word in zip(range(40), list(KEYWORDS) * 7, strict=False)]
    results = classify(client, [{"id": f"p{index}", "text": f"so {word} it"} for index, word in enumerate(words)])
    assert [result["id"] for result in results] == [f"p{index}" for index in range(40)]
    assert [result["category"] for result in results] == [KEYWORDS[word] for word in words]
    for result in results:
        assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-6)
        assert sum(result["urgency_scores"].values()) == pytest.approx(1, abs=1e-6)
        assert result["confidence"] == max(result["scores"].values())


def test_the_answer_names_the_model(client: TestClient, bundle: Bundle) -> None:
    model = client.post("/v1/classify", json={"posts": []}).json()["model"]
    identity = bundle.identity
    assert model == {"name": identity.name, "version": identity.version, "digest": identity.digest}


def test_neither_an_empty_nor_a_huge_post_spoils_the_others(client: TestClient) -> None:
    alone = classify(client, ["I love it"])
    results = classify(client, ["", "refund " + "x" * 20_000, "I love it", {"id": "blank", "text": " \u200b\n"}])
    assert results[0]["error"]["type"] == "empty-post"
    assert results[1]["category"] == "billing"
    assert results[1]["truncated"]
    assert results[2] == alone[0]
    assert results[3]["id"] == "blank"
    assert results[3]["error"]["type"] == "empty-post"


def test_bad_posts_get_an_error_each_in_their_own_place(client: TestClient) -> None:
    posts: list[object] = [
        "love",
        None,
        {"id": "b", "text": 5},
        {"id": "c", "text": "refund"},
        {"id": "d", "txet": "x"},
        [[]],
    ]
    results = classify(client, posts)
    assert [result["id"] for result in results] == [None, None, "b", "c", "d", None]
    assert ["error" in result for result in results] == [False, True, True, False, True, True]
    assert {result["error"]["type"] for result in results if "error" in result} == {"unusable-post"}


def test_a_post_over_which_the_model_fails_spoils_no_other(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Settings(), lambda: MishapPipeline(bundle, threads=1)) as client:
        results = classify(client, ["love", {"id": "m", "text": "a secret mishap"}, "", "refund"])
        assert [result.get("category") for result in results] == ["praise", None, None, "billing"]
        assert (results[1]["id"], results[1]["error"]["type"]) == ("m", "internal-error")
        assert 'earshot_posts_total{lane="interactive",outcome="failed"} 1.0' in client.get("/metrics").text
    assert "in judge" in caplog.text
    assert "secret" not in json.dumps(results) + caplog.text


def test_a_text_cut_within_an_emoji_is_judged(client: TestClient) -> None:
    response = client.post("/v1/classify", content=rb'{"posts": ["love it \ud83d"]}')
    assert response.json()["results"][0]["category"] == "praise"


def test_ids_come_back_as_they_were(client: TestClient) -> None:
    ids = ["", "ünï–😀", "a\u0000b", "x" * 10_000]
    assert [result["id"] for result in classify(client, [{"id": id, "text": "love"} for id in ids])] == ids


@given(st.lists(st.lists(st.sampled_from([*KEYWORDS, *URGENT, "and", "😀"]), min_size=1).map(" ".join), max_size=6))
def test_a_text_gets_the_same_scores_alone_and_in_any_batch(client: TestClient, texts: list[str]) -> None:
    for text, together in zip(texts, classify(client, texts), strict=True):
        (alone,) = classify(client, [text])
        assert together["scores"] == pytest.approx(alone["scores"], abs=TOLERANCE)
        assert together["urgency_scores"] == pytest.approx(alone["urgency_scores"], abs=TOLERANCE)


def test_requests_side_by_side_get_their_own_results(client: TestClient) -> None:
    def one(batch: int) -> list[str]:
        results = classify(client, [{"id": f"{batch} {word}", "text": word} for word in KEYWORDS])
        assert [result["category"] for result in results] == list(KEYWORDS.values())
        return [result["id"] for result in results]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(16))) == [[f"{batch} {word}" for word in KEYWORDS] for batch in range(16)]


def test_as_many_posts_as_allowed_pass_and_one_more_is_refused(client: TestClient) -> None:
    assert len(classify(client, ["love"] * 256)) == 256
    response = client.post("/v1/classify", json={"posts": ["love"] * 257})
    assert fields(response) == ["posts"]
    assert "at most 256" in response.json()["detail"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "body"),
        (b"posts", "body"),
        (b"[]", "body"),
        (b"{}", "posts"),
        (b'{"posts": [NaN]}', "body"),
        (b'{"posts": ' + b"[" * 50_000, "body"),
        (b'{"posts": [], "explian": true}', "explian"),
        (b'{"posts": [], "explain": 1}', "explain"),
        (b'{"posts": [], "\\ud800": 1}', "body"),
    ],
)
def test_an_unusable_request_is_refused_with_the_field_named(client: TestClient, content: bytes, field: str) -> None:
    assert fields(client.post("/v1/classify", content=content)) == [field]


def test_an_explanation_names_the_words_by_their_place_in_the_text(client: TestClient) -> None:
    posts = ["love &amp; refund the refund \ud83d", "", {"text": 5}, {"id": "b", "text": "it leaked"}]
    content = json.dumps({"posts": posts, "explain": True})
    response = client.post("/v1/classify", content=content)
    ClassifyResponse.model_validate_json(response.content, strict=True, extra="forbid")
    first, blank, unusable, last = response.json()["results"]
    words = {word["text"]: word for word in first["explanation"]}
    assert list(words) == ["love", "&amp;", "refund", "the", "?"]
    assert (words["love"]["start"], words["love"]["end"]) == (0, 4)
    assert words["love"]["contribution"] < 0 < words["refund"]["contribution"]
    assert "explanation" not in blank
    assert "explanation" not in unusable
    assert [word["text"] for word in last["explanation"]] == ["it", "leaked"]
    assert last["scores"] == client.post("/v1/classify", json={"posts": ["it leaked"]}).json()["results"][0]["scores"]


def test_only_what_is_asked_for_is_explained(client: TestClient) -> None:
    assert "explanation" not in classify(client, ["love"])[0]


def test_only_so_many_posts_are_explained_at_once(client: TestClient) -> None:
    response = client.post("/v1/classify", json={"posts": ["love"] * 17, "explain": True})
    assert "at most 16 are allowed where they are to be explained" in refused(response, 422).detail


def test_the_content_type_does_not_matter(client: TestClient) -> None:
    # As `curl -d` sends it.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/v1/classify", content=b'{"posts": ["love"]}', headers=headers).status_code == 200


def test_a_body_over_the_limit_is_refused(client: TestClient) -> None:
    response = client.post("/v1/classify", json={"posts": ["x" * Settings().max_body_bytes]})
    assert "4194304 bytes" in refused(response, 413).detail


def test_a_body_over_the_limit_is_refused_though_its_length_was_not_declared(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * 1024 * 1024

    refused(client.post("/v1/classify", content=chunks()), 413)


def test_a_full_service_refuses_at_once_and_recovers(bundle: Bundle) -> None:
    pipeline = HeldPipeline(bundle)
    settings = Settings(max_pending_tokens=4, retry_after_s=7)
    with serving(settings, lambda: pipeline) as client, ThreadPoolExecutor(4) as pool:
        with pipeline.held():
            first = [pool.submit(classify, client, [text]) for text in ("love", "refund", "lunch", "it leaked")]
            pipeline.wait_until_entered()
            while "earshot_pending_tokens 4.0" not in client.get("/metrics").text:
                pass
            response = client.post("/v1/classify", json={"posts": ["lunch"]})
            assert refused(response, 429).type == "urn:earshot:problem:full"
            assert response.headers["retry-after"] == "7"
            assert client.get("/livez").status_code == 200
            assert client.get("/readyz").status_code == 200
        assert [future.result()[0]["category"] for future in first] == ["praise", "billing", "none", "leak"]
        assert len(classify(client, ["lunch"])) == 1


def test_probes_tell_starting_from_ready_from_draining(bundle: Bundle) -> None:
    gate = threading.Event()

    def load() -> Pipeline:
        gate.wait()
        return Pipeline(bundle, threads=1)

    settings = Settings(retry_after_s=3)
    lifecycle = Lifecycle(settings, load)

    def assert_not_ready(client: TestClient, said: str) -> None:
        assert client.get("/livez").json() == {"status": "alive"}
        for response in (
            client.get("/readyz"),
            client.get("/v1/model"),
            client.post("/v1/classify", json={"posts": ["love"]}),
        ):
            assert said in refused(response, 503).detail
            assert response.headers["retry-after"] == "3"

    with TestClient(create_app(settings, lifecycle)) as client:
        assert_not_ready(client, "still being loaded")
        gate.set()
        wait_until_ready(client)
        Health.model_validate_json(client.get("/readyz").content)
        assert len(classify(client, ["love"])) == 1
        lifecycle.drain()
        assert_not_ready(client, "being stopped")


def test_a_service_whose_model_cannot_be_loaded_is_not_alive() -> None:
    def load() -> Pipeline:
        raise BundleError("/srv/bundle was changed")

    settings = Settings()
    lifecycle = Lifecycle(settings, load)
    with TestClient(create_app(settings, lifecycle)) as client:
        while lifecycle.failure is None:
            client.get("/livez")
        problem = refused(client.get("/livez"), 503)
    assert "/srv" not in problem.detail


def test_the_model_is_described(client: TestClient, bundle: Bundle) -> None:
    response = client.get("/v1/model")
    model = ModelDescription.model_validate_json(response.content)
    manifest = bundle.manifest
    assert (model.name, model.version, model.digest) == (manifest.name, manifest.version, manifest.digest)
    assert model.provider == "CPUExecutionProvider"
    assert model.taxonomy == manifest.taxonomy
    assert model.thresholds == manifest.thresholds
    assert model.calibration == manifest.calibration
    assert model.limits == manifest.limits
    assert model.evaluation == manifest.evaluation
    assert model.request_limits.max_posts_per_request == 256
