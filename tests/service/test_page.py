"""The page at `/`, without a browser: what it may do, and that all of it is there."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from starlette.testclient import TestClient

STATIC = resources.files("service.page") / "static"
FILES = sorted(entry.name for entry in STATIC.iterdir())
PAGE = (STATIC / "index.html").read_text(encoding="utf-8")


def test_the_page_is_served_with_a_policy_that_allows_nothing_inline_and_nobody_else(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_in_the_page_is_inline() -> None:
    assert not re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", PAGE)


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_and_names_no_other_host(client: TestClient, name: str) -> None:
    answer = client.get(f"/assets/{name}")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    kinds = {"css": "text/css", "js": "javascript", "html": "text/html", "svg": "image/svg+xml"}
    assert kinds[name.rpartition(".")[2]] in answer.headers["content-type"]
    assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w.-]+\.\w+", answer.text.replace("// ", ""))


def test_all_that_the_page_refers_to_is_there_by_relative_addresses() -> None:
    referred = re.findall(r"""(?:src|href)="([^"]+)\"""", PAGE)
    assert {name for name in referred if name != "docs"} <= {f"assets/{name}" for name in FILES}
    for script in (name for name in FILES if name.endswith(".js")):
        imported = re.findall(r"""from "([^"]+)\"""", (STATIC / script).read_text(encoding="utf-8"))
        assert set(imported) <= {f"./{name}" for name in FILES}


def test_no_script_makes_markup_of_text() -> None:
    for script in (name for name in FILES if name.endswith(".js")):
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", (STATIC / script).read_text("utf-8")
        )
