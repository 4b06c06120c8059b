"""The OpenAPI description against a real server: what it promises is kept, whatever is sent (schemathesis)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from earshot import Bundle
from service.reference import DOCS
from service.stream import NDJSON
from tests.service.test_main import Server, server, wait_until_ready

schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def running(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("described")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARSHOT_FEEDBACK_DATABASE", f"sqlite:///{folder}/feedback.db")
        with server(bundle, folder) as running:
            wait_until_ready(running.url)
            yield running


@pytest.fixture(scope="module")
def described(running: Server) -> Any:  # noqa: ANN401 — untyped here, as the package may be missing
    return schemathesis.openapi.from_url(f"{running.url}/openapi.json")


@schemathesis.serializer(NDJSON)  # type: ignore[untyped-decorator]
def lines(context: object, content: object) -> bytes:
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "replace")


OPERATIONS = [
    (path, method)
    for path, item in json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))["paths"].items()
    for method in item
]
# A bad post is answered in its own place, so what is no post is no bad request: that check would ask for the contrary.
# And a deadline of a millisecond is a fine request that may well be answered with 504.
GATEWAY_TIMEOUT = 504
CONTRARY = ("negative_data_rejection", "positive_data_acceptance")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_described(described: Any, path: str, method: str) -> None:  # noqa: ANN401
    from schemathesis.checks import CHECKS

    checks = {check.__name__: check for check in CHECKS.get_all()}
    contrary = [checks[name] for name in CONTRARY]

    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy())
    def ask(case: Any) -> None:  # noqa: ANN401
        answer = case.call()
        missed = [checks["not_a_server_error"]] if answer.status_code == GATEWAY_TIMEOUT else []
        case.validate_response(answer, excluded_checks=[*contrary, *missed])

    ask()
