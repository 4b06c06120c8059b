"""The OpenAPI description against a real server: what it promises is kept, whatever is sent (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from earshot import Bundle
from tests.service.test_main import Server, server, wait_until_ready

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.checks")


@pytest.fixture(scope="module")
def running(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(bundle, tmp_path_factory.mktemp("described")) as running:
        wait_until_ready(running.url)
        yield running


@pytest.fixture
def described(running: Server) -> object:
    return schemathesis.openapi.from_url(f"{running.url}/openapi.json")


# A bad post is answered in its own place, so what is no post is no bad request: that check would ask for the contrary.
# And a deadline of a millisecond is a fine request that may well be answered with 504.
_CONTRARY = (
    "negative_data_rejection",
    "positive_data_acceptance",
)


@schemathesis.pytest.from_fixture("described").parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: object) -> None:
    excluded = [check for check in checks.CHECKS.get_all() if check.__name__ in _CONTRARY]
    case.call_and_validate(excluded_checks=excluded)  # type: ignore[attr-defined]
