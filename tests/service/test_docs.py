from __future__ import annotations

import re

from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from service.docs import PATH
from service.settings import Settings
from tests.service.conftest import serving


def test_the_page_refers_to_no_other_host(client: TestClient) -> None:
    response = client.get(PATH)
    assert response.headers["content-type"].startswith("text/html")
    assert not re.findall(r"""["'(]\s*(?:https?:)?//[^"')]*""", response.text)
    # Otherwise Swagger UI asks validator.swagger.io.
    assert '"validatorUrl": null' in response.text


def test_the_browser_is_told_to_call_no_other_host(client: TestClient) -> None:
    policy = client.get(PATH).headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy


def test_all_that_the_page_refers_to_is_served_from_here(client: TestClient) -> None:
    page = client.get(PATH).text
    assets = re.findall(r"""(?:src|href)="([^"]+)""", page)
    assert len(assets) == 3
    for asset in [*assets, *re.findall(r"url: '([^']+)'", page)]:
        response = client.get(f"/{asset}")
        assert response.status_code == 200, asset
        assert len(response.content) > 100


def test_the_stylesheet_calls_no_other_host(client: TestClient) -> None:
    text = client.get("/docs/assets/swagger-ui.css").text
    assert not re.findall(r"""url\(\s*["']?(?!["']?data:)""", text)
    assert "@import" not in text


def test_the_description_tells_the_configured_limit(bundle: Bundle) -> None:
    with serving(Settings(max_posts_per_request=5), lambda: Pipeline(bundle, threads=1)) as client:
        request = client.get("/openapi.json").json()["components"]["schemas"]["ClassifyRequest"]
    assert request["properties"]["posts"]["maxItems"] == 5
