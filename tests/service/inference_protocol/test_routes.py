"""The paths of the Open Inference Protocol, asked by the client that Triton's users have, and by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from earshot import Bundle
from service.inference_protocol.routes import JSON_LENGTH
from service.inference_protocol.schemas import InferenceResponse, ModelMetadata, ServerMetadata
from service.inference_protocol.tensors import BYTES, Tensor, texts_of
from tests.service.test_main import Server, server, wait_until_ready

triton = pytest.importorskip("tritonclient.http")
triton_errors = pytest.importorskip("tritonclient.utils")

INFER = "/v2/models/tiny/infer"
TEXTS = ["a refund today", "", "I love it — 😀"]


def asked(texts: object, **more: object) -> dict[str, object]:
    count = len(texts) if isinstance(texts, list) else 1
    return {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [count], "data": texts}], **more}


@pytest.fixture(scope="module")
def running(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(bundle, tmp_path_factory.mktemp("inference")) as running:
        wait_until_ready(running.url)
        yield running


def test_tritons_client_finds_the_server_and_the_model(running: Server, bundle: Bundle) -> None:
    client = triton.InferenceServerClient(running.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("tiny", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("tiny")
    (scores,) = [output for output in metadata["outputs"] if output["name"] == "scores"]
    assert scores["shape"] == [-1, 6]
    assert tuple(scores["parameters"]["labels"]) == bundle.manifest.taxonomy.category_names


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tritons_client_gets_the_same_scores_as_everybody(
    running: Server, client: TestClient, binary_in: bool, binary_out: bool
) -> None:
    expected = client.post("/v1/classify", json={"posts": TEXTS}).json()["results"]
    texts = triton.InferInput("text", [3, 1], "BYTES")
    texts.set_data_from_numpy(np.array(TEXTS, dtype=object).reshape(3, 1), binary_data=binary_in)
    names = ("category", "confidence", "scores", "urgency", "needs_review", "tokens", "error")
    wanted = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    asks = triton.InferenceServerClient(running.url.removeprefix("http://"))
    result = asks.infer("tiny", [texts], outputs=wanted, request_id="r1")
    assert result.get_response()["id"] == "r1"
    as_text = [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("category").tolist()]
    assert as_text == [expected[0]["category"], "", expected[2]["category"]]
    scores = result.as_numpy("scores")
    assert (scores.dtype, scores.shape) == (np.float32, (3, 6))
    for row in (0, 2):
        assert scores[row].tolist() == pytest.approx(list(expected[row]["scores"].values()), abs=1e-5)
        assert result.as_numpy("tokens")[row] == expected[row]["tokens"]
        assert bool(result.as_numpy("needs_review")[row]) == expected[row]["needs_review"]
    errors = [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("error").tolist()]
    assert errors == ["", "empty-post", ""]


def test_tritons_client_gets_all_outputs_where_it_names_none(running: Server) -> None:
    texts = triton.InferInput("text", [1], "BYTES")
    texts.set_data_from_numpy(np.array(["it leaked"], dtype=object))
    result = triton.InferenceServerClient(running.url.removeprefix("http://")).infer("tiny", [texts])
    assert result.as_numpy("category").tolist() == [b"leak"]
    assert result.as_numpy("route").tolist() == [b"communications"]


def test_tritons_client_is_told_what_is_wrong(running: Server) -> None:
    client = triton.InferenceServerClient(running.url.removeprefix("http://"))
    texts = triton.InferInput("texts", [1], "BYTES")
    texts.set_data_from_numpy(np.array(["love"], dtype=object))
    with pytest.raises(triton_errors.InferenceServerException, match="must be one tensor of the name 'text'"):
        client.infer("tiny", [texts])
    with pytest.raises(triton_errors.InferenceServerException, match="Only the model 'tiny' is served"):
        client.get_model_metadata("other")


def test_json_in_json_out(client: TestClient) -> None:
    response = client.post(INFER, json=asked(["a refund", "it leaked"], id="r"))
    body = InferenceResponse.model_validate_json(response.content, strict=True, extra="forbid")
    outputs = {output.name: output for output in body.outputs}
    assert body.id == "r"
    assert outputs["category"].data == ["billing", "leak"]
    assert outputs["scores"].shape == [2, 6]
    assert "queue;dur=" in response.headers["server-timing"]


def test_one_bad_text_spoils_no_other(client: TestClient) -> None:
    response = client.post(
        INFER, json=asked(["love", 5, None, "refund"], outputs=[{"name": "category"}, {"name": "error"}])
    )
    category, error = response.json()["outputs"]
    assert category["data"] == ["praise", "", "", "billing"]
    assert error["data"] == ["", "unusable-post", "unusable-post", ""]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        (asked(["love"]) | {"outputs": [{"name": "logits"}]}, "outputs.0.name"),
        ({"inputs": [{"name": "text", "datatype": "FP32", "shape": [1], "data": [1]}]}, "inputs.0.datatype"),
        ({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["love"]}]}, "inputs.0"),
        ({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1], "data": ["love"]}]}, "inputs.0.shape"),
        ({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1, 2], "data": ["a", "b"]}]}, "inputs.0.shape"),
        ({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [10**15], "data": ["love"]}]}, "inputs.0"),
        (asked(["love"] * 257), "inputs.0"),
    ],
)
def test_an_unusable_request_is_refused_with_the_field_named(client: TestClient, body: object, field: str) -> None:
    response = client.post(INFER, json=body)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["field"] == field
    assert response.json()["error"] == response.json()["detail"]


@pytest.mark.parametrize(
    ("length", "content"),
    [("x", b""), ("99999", b""), (None, struct.pack("<I", 9) + b"love"), (None, b"\0"), (None, b"")],
)
def test_bytes_that_do_not_fit_are_refused(client: TestClient, length: str | None, content: bytes) -> None:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(content)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    response = client.post(INFER, content=head + content, headers={JSON_LENGTH: length or str(len(head))})
    assert response.status_code == 422, response.text


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/tiny/versions/9", "/v2/models/other/ready"])
def test_another_model_is_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.get(path).json()["type"] == "urn:earshot:problem:unknown-model"


def test_the_metadata_is_as_described(client: TestClient) -> None:
    ServerMetadata.model_validate_json(client.get("/v2").content, strict=True, extra="forbid")
    one = ModelMetadata.model_validate_json(client.get("/v2/models/tiny").content, strict=True, extra="forbid")
    assert one.versions == ["1"]
    assert client.get("/v2/models/tiny/versions/1").json() == client.get("/v2/models/tiny").json()
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=10))
def test_texts_survive_their_bytes(texts: list[str]) -> None:
    described, content = Tensor("text", BYTES, (len(texts),), texts).as_binary()
    assert described["parameters"]["binary_data_size"] == len(content)
    assert texts_of(content, [len(texts)], max_texts=10, name="text") == texts
