from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from earshot.feedback import Correction, Labels, Predicted, digest_of
from earshot.feedback.store import FeedbackStore
from service.feedback.schemas import FeedbackReceipt
from service.schemas import Problem
from service.settings import Settings
from tests.service.conftest import serving
from tests.service.feedback.conftest import Body

PATH = "/v1/feedback"


def kept(database: str) -> list[Correction]:
    store = FeedbackStore.open(database)
    corrections = [each.correction for each in store.corrections()]
    store.close()
    return corrections


def fields(answer: Any) -> list[str]:  # noqa: ANN401 — the test client's response
    assert answer.status_code == 422, answer.text
    problem = Problem.model_validate_json(answer.content, strict=True, extra="forbid")
    assert problem.type == "urn:earshot:problem:unusable-request"
    return [error.field for error in problem.errors or ()]


def test_a_correction_is_confirmed_and_kept_with_all_it_says(
    desk: TestClient, body: Body, bundle: Bundle, database: str
) -> None:
    answer = desk.post(PATH, json=body())
    assert answer.status_code == 201
    receipt = FeedbackReceipt.model_validate_json(answer.content, extra="forbid")
    assert receipt.text_sha256 == digest_of("You took 14.99 twice")
    assert kept(database) == [
        Correction(
            text="You took 14.99 twice",
            text_sha256=receipt.text_sha256,
            predicted=Predicted(bundle.identity.digest, Labels("complaint", ("leak",), "medium"), 0.61),
            corrected=Labels("billing", ("complaint",), "high"),
            taxonomy="earshot-default/1",
            post_id="a1",
            reviewer="ada",
            note="charged twice",
        )
    ]


def test_who_keeps_the_posts_may_name_one_by_its_digest(desk: TestClient, body: Body, database: str) -> None:
    digest = digest_of("You took 14.99 twice")
    assert desk.post(PATH, json=body(text=None, text_sha256=digest)).status_code == 201
    (correction,) = kept(database)
    assert (correction.text, correction.text_sha256, correction.post_id) == (None, digest, "a1")


@pytest.mark.parametrize("quoted", [False, True])
def test_the_same_correction_with_the_same_key_gets_the_same_answer_and_is_kept_once(
    desk: TestClient, body: Body, database: str, *, quoted: bool
) -> None:
    headers = {"Idempotency-Key": '"k1"' if quoted else "k1"}
    first = desk.post(PATH, json=body(), headers=headers)
    again = [
        desk.post(PATH, json=body(), headers=headers),
        desk.post(PATH, json=body(idempotency_key="k1")),
    ]
    assert first.status_code == 201
    assert {(answer.status_code, answer.content) for answer in again} == {(201, first.content)}
    assert len(kept(database)) == 1


def test_what_is_kept_is_counted_once_by_the_persons_verdict(desk: TestClient, body: Body) -> None:
    for _ in range(2):
        desk.post(PATH, json=body(idempotency_key="k1"))
    desk.post(PATH, json=body(correction={"category": "complaint"}))
    metrics = desk.get("/metrics").text
    assert 'earshot_feedback_total{verdict="corrected"} 1.0' in metrics
    assert 'earshot_feedback_total{verdict="confirmed"} 1.0' in metrics


def test_another_correction_with_the_same_key_is_refused(desk: TestClient, body: Body, database: str) -> None:
    assert desk.post(PATH, json=body(idempotency_key="k1")).status_code == 201
    answer = desk.post(PATH, json=body(idempotency_key="k1", note="another"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:earshot:problem:idempotency-key-reused"
    assert len(kept(database)) == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": " \n"}, "text"),
        ({"text": 5.0}, "text"),
        ({"text": None}, "text_sha256"),
        ({"text": None, "id": None, "text_sha256": "0" * 64}, "id"),
        ({"text_sha256": "0" * 64}, "text_sha256"),
        ({"text_sha256": "nonsense"}, "text_sha256"),
        ({"prediction": None}, "prediction"),
        ({"correction": None}, "correction"),
        ({"correction": {"category": "rant"}}, "correction.category"),
        ({"correction": {"category": "billing", "secondary": ["rant"]}}, "correction.secondary"),
        ({"correction": {"category": "billing", "urgency": "soon"}}, "correction.urgency"),
        ({"correction": {"category": "billing", "urgencey": "high"}}, "correction.urgencey"),
        ({"reviewer": ""}, "reviewer"),
        ({"reviewer": "a\0"}, "reviewer"),
        ({"reviewer": "\ud800"}, "reviewer"),
        ({"idempotency_key": "k" * 201}, "idempotency_key"),
        ({"stars": 5}, "stars"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_field_named(
    desk: TestClient, body: Body, changed: dict[str, Any], field: str, database: str
) -> None:
    assert fields(desk.post(PATH, content=json.dumps(body(**changed)).encode())) == [field]
    assert kept(database) == []


def test_predicted_labels_are_checked_if_the_model_is_the_one_that_is_served(desk: TestClient, body: Body) -> None:
    prediction = body()["prediction"] | {"category": "rant"}
    assert fields(desk.post(PATH, json=body(prediction=prediction))) == ["prediction.category"]
    prediction["model_digest"] = "sha256:" + "0" * 64  # of an earlier one, with another taxonomy
    assert desk.post(PATH, json=body(prediction=prediction)).status_code == 201


@pytest.mark.parametrize("key", ["", '""', "k" * 201])
def test_a_key_in_the_header_that_cannot_be_used_is_refused(desk: TestClient, body: Body, key: str) -> None:
    assert fields(desk.post(PATH, json=body(), headers={"Idempotency-Key": key})) == ["Idempotency-Key"]


def test_two_keys_that_differ_are_refused(desk: TestClient, body: Body) -> None:
    answer = desk.post(PATH, json=body(idempotency_key="k1"), headers={"Idempotency-Key": "k2"})
    assert fields(answer) == ["Idempotency-Key"]


def test_a_text_that_a_database_would_refuse_is_kept_without_what_no_model_sees(
    desk: TestClient, body: Body, database: str
) -> None:
    content = json.dumps(body(text="cut in an emoji \ud83d and a \0")).encode()
    assert desk.post(PATH, content=content).status_code == 201
    assert [correction.text for correction in kept(database)] == ["cut in an emoji  and a "]


def test_a_database_that_cannot_be_opened_refuses_corrections_and_nothing_else(
    bundle: Bundle, body: Body, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = "postgresql://user:secret@127.0.0.1:9/feedback"
    with serving(Settings(feedback_database=nowhere), lambda: Pipeline(bundle, threads=1)) as client:
        answer = client.post(PATH, json=body(text="xyzzy"))
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:earshot:problem:feedback-unavailable"
        assert answer.headers["retry-after"]
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/classify", json={"posts": ["love"]}).status_code == 200
    assert "secret" not in answer.text + caplog.text
    assert "xyzzy" not in caplog.text
    assert "127.0.0.1:9" in caplog.text


def test_without_feedback_the_answer_says_so(client: TestClient, body: Body) -> None:
    answer = client.post(PATH, json=body())
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:earshot:problem:feedback-off"
    assert client.get("/v1/model").json()["feedback"] is False


def test_with_keys_a_correction_needs_one_and_bears_its_name(
    bundle: Bundle, body: Body, database: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"desk:sha256:{hashlib.sha256(b'secret').hexdigest()}\n")
    settings = Settings(feedback_database=database, api_keys_file=keys)
    with serving(settings, lambda: Pipeline(bundle, threads=1)) as client:
        assert client.post(PATH, json=body()).status_code == 401
        assert client.post(PATH, json=body(), headers={"X-API-Key": "secret"}).status_code == 201
    assert [correction.caller for correction in kept(database)] == ["desk"]


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-origin", 201), ("none", 201)])
def test_a_page_of_another_site_cannot_send_corrections(desk: TestClient, body: Body, site: str, status: int) -> None:
    assert desk.post(PATH, json=body(), headers={"Sec-Fetch-Site": site}).status_code == status


def test_the_example_of_the_description_is_kept(desk: TestClient) -> None:
    described = desk.get("/openapi.json").json()["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    assert desk.post(PATH, json=described["example"]).status_code == 201


def test_the_model_says_that_corrections_are_taken(desk: TestClient) -> None:
    assert desk.get("/v1/model").json()["feedback"] is True


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_kept_or_refused_as_unusable(desk: TestClient, body: Body, data: st.DataObject) -> None:
    made = body()
    path = data.draw(
        st.sampled_from([(name,) for name in made] + [("prediction", "secondary"), ("correction", "urgency")])
    )
    target = made[path[0]] if len(path) > 1 else made
    target[path[-1]] = data.draw(_JSON)
    answer = desk.post(PATH, content=json.dumps(made).encode())
    assert answer.status_code in (201, 422), answer.text
