"""Whatever is sent, the service neither breaks nor loses a post."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

any_text = st.text(st.characters())  # with lone surrogates
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=20,
)
any_post = st.fixed_dictionaries(
    {}, optional={"id": any_text | any_json, "text": any_text | any_json, "more": any_json}
)
any_request = st.fixed_dictionaries(
    {}, optional={"posts": st.lists(any_text | any_post | any_json, max_size=8) | any_json, "explain": any_json}
)


def send(client: TestClient, body: bytes) -> tuple[int, object]:
    response = client.post("/v1/classify", content=body)
    content = json.loads(response.content.decode("utf-8"))
    # What was sent can be received: no half characters, no NaN.
    json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8")
    expected = "application/json" if response.status_code == 200 else "application/problem+json"
    assert response.headers["content-type"] == expected
    return response.status_code, content


@given(any_json | any_request)
def test_any_json_is_answered_without_a_server_error(client: TestClient, body: object) -> None:
    status, content = send(client, json.dumps(body).encode())
    assert status in (200, 422)
    if status == 200:
        assert isinstance(body, dict)
        assert isinstance(content, dict)
        assert len(content["results"]) == len(body["posts"])


@given(st.binary())
def test_any_bytes_are_answered_without_a_server_error(client: TestClient, body: bytes) -> None:
    assert send(client, body)[0] in (200, 422)


@given(st.lists(any_text, max_size=20))
def test_any_texts_get_as_many_results_in_order(client: TestClient, texts: list[str]) -> None:
    posts = [{"id": str(index), "text": text} for index, text in enumerate(texts)]
    status, content = send(client, json.dumps({"posts": posts}).encode())
    assert status == 200
    assert isinstance(content, dict)
    assert [result["id"] for result in content["results"]] == [post["id"] for post in posts]
