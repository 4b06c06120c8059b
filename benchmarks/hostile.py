"""Hostile requests to every path: none crashes the service, and each that is refused gets a problem document.

`python -m benchmarks.hostile [--examples 10000] [--seed 0]` sends them to the application in this process; the tests
send a few hundred. A failure is shown shrunk to the smallest request that makes it.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

PROBLEM_JSON = "application/problem+json"
PATHS = (
    "/v1/classify",
    "/v1/classify/stream",
    "/v1/feedback",
    "/v1/model",
    "/v2",
    "/v2/models/tiny",
    "/v2/models/tiny/infer",
    "/v2/models/tiny/versions/1/infer",
    "/admin/reload",
    "/livez",
    "/metrics",
)
_METHODS = ("POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
_HEADERS = (
    "X-Request-ID",
    "X-Request-Timeout-Ms",
    "Inference-Header-Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Authorization",
    "X-API-Key",
    "Idempotency-Key",
    "traceparent",
    "Accept",
)
_NAMES = (
    "posts", "text", "id", "explain", "inputs", "outputs", "name", "datatype", "shape", "data", "parameters",
    "binary_data_size", "binary_data", "category", "urgency", "model", "correction",
)  # fmt: skip

# By name, since Hypothesis shows a strategy with all that it holds.
_ODD_TEXTS = {
    "empty": "",
    "null": "\u0000",
    "half": "\ud83d",
    "ampersands": "&" * 50,
    "nested entities": "&amp;" * 20,
    "dots": "a.a." * 100,
    "marks": "\u0301" * 200,
    "long": "x" * 5000,
    "emoji": "😀" * 300,
    "input": "text",
    "datatype": "BYTES",
}
_ODD_BODIES = {
    "deep list": b"[" * 50_000,
    "deep object": b'{"posts":' * 5000,
    "half a mark": b"\xff\xfe",
    "mark": b"\xef\xbb\xbf{}",
    "no numbers": b'{"posts": [1e999, NaN]}',
    "long number": b'{"posts": [' + b"9" * 20_000 + b"]}",
}

any_text = st.deferred(
    lambda: st.text(st.characters()) | st.sampled_from(sorted(_ODD_TEXTS)).map(_ODD_TEXTS.__getitem__)
)
"""With lone surrogates."""
any_number = st.integers() | st.floats() | st.sampled_from([10**400, -1, 2**63, 1e308])
any_json = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text | st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=20,
)
any_post = st.fixed_dictionaries(
    {}, optional={"id": any_text | any_json, "text": any_text | any_json, "more": any_json}
)
any_classify = st.fixed_dictionaries(
    {}, optional={"posts": st.lists(any_text | any_post | any_json, max_size=8) | any_json, "explain": any_json}
)
any_tensor = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("text") | any_json,
        "datatype": st.just("BYTES") | any_json,
        "shape": st.lists(st.integers(0, 3), max_size=3) | any_json,
        "data": st.lists(any_text, max_size=3) | any_json,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(0, 30) | any_json})
        | any_json,
    },
)
any_inference = st.fixed_dictionaries(
    {}, optional={"id": any_json, "inputs": st.lists(any_tensor, max_size=2) | any_json, "outputs": any_json}
)
_documents = (any_json | any_classify | any_inference).map(lambda content: json.dumps(content).encode())
any_body = (
    st.binary(max_size=200)
    | _documents
    | st.lists(_documents, max_size=5).map(b"\n".join)
    | st.tuples(_documents, st.binary(max_size=40)).map(b"".join)
    | st.sampled_from(sorted(_ODD_BODIES)).map(_ODD_BODIES.__getitem__)
)
any_header = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request that means no good."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


any_request = st.builds(
    Hostile,
    method=st.just("POST") | st.sampled_from(_METHODS),
    path=st.sampled_from(PATHS) | any_text.map(lambda text: "/" + quote(text[:50].encode("utf-8", "replace"), safe="")),
    headers=st.dictionaries(st.sampled_from(_HEADERS), any_header | st.integers().map(str), max_size=3),
    body=any_body,
)


def check(client: TestClient, hostile: Hostile) -> None:
    """Send it, and look at what comes.

    Raises:
        AssertionError: It is an error of the server, or a refusal that is no problem document.
    """
    headers = {name.encode(): value.encode("latin-1") for name, value in hostile.headers.items()}
    response = client.request(hostile.method, hostile.path, headers=headers, content=hostile.body)
    # 503: feedback that cannot be kept, 504: a deadline that was asked for.
    assert response.status_code < 500 or response.status_code in (503, 504), response.text  # noqa: S101
    assert response.headers["x-request-id"]  # noqa: S101
    if response.status_code >= 400 and hostile.method != "HEAD":
        assert response.headers["content-type"] == PROBLEM_JSON, response.headers  # noqa: S101
        problem: dict[str, Any] = json.loads(response.content)
        assert problem["status"] == response.status_code  # noqa: S101
        assert problem.keys() >= {"type", "title", "detail"}  # noqa: S101


@click.command()
@click.option("--examples", default=10_000, show_default=True)
@click.option("--seed", "number", default=0, show_default=True)
def main(examples: int, number: int) -> None:
    """Send hostile requests."""
    from service.app import create_app
    from service.settings import Settings
    from tests.tiny import write_tiny_bundle

    with tempfile.TemporaryDirectory() as folder:
        bundle = write_tiny_bundle(Path(folder) / "tiny")
        service_settings = Settings(model=str(bundle.folder), feedback_database=f"sqlite:///{folder}/feedback.db")
        with TestClient(create_app(service_settings), raise_server_exceptions=True) as client:
            while client.get("/readyz").status_code != 200:
                time.sleep(0.01)

            @seed(number)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            )
            @given(any_request)
            def send(hostile: Hostile) -> None:
                check(client, hostile)

            send()
            alive, ready = client.get("/livez").status_code, client.get("/readyz").status_code
    print(json.dumps({"measured": "hostile", "examples": examples, "seed": number, "livez": alive, "readyz": ready}))


if __name__ == "__main__":
    main()
