from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from benchmarks.hostile import Hostile, any_request, check


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(any_request)
def test_nothing_that_is_sent_breaks_the_service(client: TestClient, hostile: Hostile) -> None:
    check(client, hostile)
