from __future__ import annotations

import logging
import re

import pytest
from starlette.testclient import TestClient

from service.telemetry import RequestRecord

TIMING = re.compile(r"(\w+);dur=\d+\.\d\d")


def stages(header: str) -> list[str]:
    found = [TIMING.fullmatch(part) for part in header.split(", ")]
    assert all(found)
    return [match[1] for match in found if match]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/model", "/nothing", "/docs", "/openapi.json"])
def test_every_response_has_an_id_and_its_time(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert stages(response.headers["server-timing"]) == ["total"]


def test_the_stages_of_a_prediction_are_told(client: TestClient) -> None:
    response = client.post("/v1/classify", json={"posts": ["love"]})
    assert stages(response.headers["server-timing"]) == ["queue", "tokenize", "inference", "total"]


@pytest.mark.parametrize("given", ["a", "7f9c-22.B_x:1", "x" * 128])
def test_the_callers_id_is_kept(client: TestClient, given: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "a\tb", "näh"])
def test_an_id_that_could_do_harm_is_replaced(client: TestClient, given: str) -> None:
    headers = {b"X-Request-ID": given.encode("latin-1")}
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/livez", headers=headers).headers["x-request-id"])


def test_two_requests_have_two_ids(client: TestClient) -> None:
    first, second = (client.get("/livez").headers["x-request-id"] for _ in range(2))
    assert first != second


def test_a_request_is_logged_once_without_its_posts(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="httpx2")  # the caller's own
    caplog.set_level(logging.DEBUG)
    client.post(
        "/v1/classify?text=secret",
        json={"posts": ["secret love", {"text": 1, "secret": 2}]},
        headers={"X-Request-ID": "r1"},
    )
    (line,) = [record.getMessage() for record in caplog.records if record.name == "service.telemetry"]
    assert re.fullmatch(r"POST /v1/classify 200 \d+\.\d ms posts=2 id=r1", line)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("path", ["/secret", "/v1/classify/secret", "/docs/assets/secret"])
def test_an_unknown_path_is_not_logged(client: TestClient, caplog: pytest.LogCaptureFixture, path: str) -> None:
    caplog.set_level(logging.DEBUG, logger="service")
    client.get(path)
    (record,) = [record for record in caplog.records if record.name == "service.telemetry"]
    assert "secret" not in record.getMessage()


def test_probes_are_logged_only_in_detail(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="service")
    client.get("/livez")
    (record,) = [record for record in caplog.records if record.name == "service.telemetry"]
    assert record.levelno == logging.DEBUG


def test_timings_keep_the_order_of_the_stages() -> None:
    header = RequestRecord("id", stages_ms={"queue": 1, "tokenize": 2.345, "inference": 3}).server_timing()
    assert header.startswith("queue;dur=1.00, tokenize;dur=2.35, inference;dur=3.00, total;dur=")
