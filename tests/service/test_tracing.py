from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from service.app import create_app
from service.lifespan import Lifecycle
from service.settings import Settings
from tests.service.conftest import wait_until_ready

trace = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def spans() -> object:
    return in_memory.InMemorySpanExporter()


@pytest.fixture(scope="module")
def traced(bundle: Bundle, spans: object) -> Iterator[TestClient]:
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    settings = Settings()
    app = create_app(settings, Lifecycle(settings, lambda: Pipeline(bundle, threads=1)), traces=provider)
    with TestClient(app) as client:
        wait_until_ready(client)
        yield client


def test_a_request_is_a_span_within_the_callers_trace_with_its_stages_below(
    traced: TestClient, spans: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="service")
    spans.clear()  # type: ignore[attr-defined]
    traced.post("/v1/classify?text=secret", json={"posts": ["a secret refund"]}, headers={"traceparent": PARENT})
    finished = {span.name: span for span in spans.get_finished_spans()}  # type: ignore[attr-defined]
    request = finished.pop("POST /v1/classify")
    assert f"{request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{request.parent.span_id:016x}" == PARENT.split("-")[2]
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["earshot.posts"] == 1
    assert set(finished) == {"tokenize", "queue", "inference"}
    assert {span.parent.span_id for span in finished.values()} == {request.context.span_id}
    assert finished["tokenize"].end_time == finished["queue"].start_time
    assert "secret" not in str([span.to_json() for span in spans.get_finished_spans()])  # type: ignore[attr-defined]
    (line,) = [record for record in caplog.records if record.name == "service.telemetry"]
    assert line.__dict__["fields"]["trace_id"] == PARENT.split("-")[1]


def test_an_unknown_path_names_no_route(traced: TestClient, spans: object) -> None:
    spans.clear()  # type: ignore[attr-defined]
    traced.get("/secret")
    (span,) = spans.get_finished_spans()  # type: ignore[attr-defined]
    assert span.name == "GET"
    assert "secret" not in span.to_json()


def test_without_an_endpoint_there_are_no_traces() -> None:
    assert Settings().otlp_endpoint is None
