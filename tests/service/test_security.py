from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from service.keys import key_line
from service.settings import Settings
from tests.service.conftest import serving

BODY = b'{"posts": ["love"]}'
OPEN = ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json")
PROTECTED = ("/v1/model", "/v1/nothing")


@pytest.fixture(scope="module")
def locked(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with an API key `k1` of the CRM and an admin key `a1`."""
    folder = tmp_path_factory.mktemp("keys")
    api, admin = folder / "api", folder / "admin"
    api.write_text(key_line("crm", "k1") + "\n")
    admin.write_text(key_line("ops", "a1") + "\n")
    settings = Settings(api_keys_file=api, admin_keys_file=admin)
    with serving(settings, lambda: Pipeline(bundle, threads=1)) as client:
        yield client


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer k1"}, {"authorization": "bearer k1"}, {"X-API-Key": "k1"}]
)
def test_who_has_a_key_may_ask(locked: TestClient, headers: dict[str, str]) -> None:
    assert locked.post("/v1/classify", content=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "k2"}, {"X-API-Key": "a1"}, {"Authorization": "Basic k1"}, {"Authorization": "Bearer"}],
)
def test_who_has_none_is_refused(locked: TestClient, headers: dict[str, str]) -> None:
    for response in (
        locked.post("/v1/classify", content=BODY, headers=headers),
        locked.post("/v1/classify/stream", content=BODY, headers=headers),
        *(locked.get(path, headers=headers) for path in PROTECTED),
    ):
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["type"] == "urn:earshot:problem:unauthorized"
        assert response.headers["x-request-id"]


@pytest.mark.parametrize("path", OPEN)
def test_probes_metrics_and_pages_are_open(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


def test_the_callers_name_is_in_log_and_metrics(locked: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="service")
    locked.post("/v1/classify", content=BODY, headers={"X-API-Key": "k1"})
    assert "caller=crm" in caplog.text
    assert 'caller="crm",method="POST",route="/v1/classify",status="200"' in locked.get("/metrics").text
    assert 'earshot_refusals_total{reason="unauthorized"}' in locked.get("/metrics").text


def test_admin_routes_ask_for_the_admin_key(locked: TestClient) -> None:
    assert locked.post("/admin/reload").status_code == 401
    assert locked.post("/admin/reload", headers={"X-API-Key": "k1"}).status_code == 401
    assert locked.post("/admin/reload", headers={"X-API-Key": "a1"}).status_code == 200


@pytest.mark.parametrize("path", ["/admin/reload", "/admin/rollback", "/admin/nothing"])
def test_without_an_admin_key_there_is_no_administration(client: TestClient, path: str) -> None:
    assert client.post(path, headers={"X-API-Key": "a1"}).status_code == 404


@pytest.mark.parametrize("path", [*OPEN, *PROTECTED])
def test_browsers_are_told_to_keep_to_themselves(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_a_page_keeps_its_own_policy(client: TestClient) -> None:
    assert "script-src" in client.get("/docs").headers["content-security-policy"]
    assert client.get("/v1/model").headers["content-security-policy"].startswith("default-src 'none'")


def test_a_key_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    from service.app import create_app
    from service.errors import SettingsError

    with pytest.raises(SettingsError, match="cannot read the keys"):
        create_app(Settings(api_keys_file=tmp_path / "nothing"))
