"""A real browser for tests: Chromium as the system has it, driven by Playwright.

Without Chromium the tests that ask for it are skipped; `.ci/run` installs it, and `apt install chromium` does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = {"width": 375, "height": 740}
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # CI is root, and opens nothing but our own pages
)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module; not longer, because Playwright keeps this thread's event loop for itself."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that nobody visited yet, in a profile of its own.

    What goes wrong in it unseen fails the test; see `watched`.
    """
    with browser.new_context() as context, context.new_page() as page, watched(page):
        yield page


@contextmanager
def watched(page: Page) -> Iterator[None]:
    """Fail over what goes wrong in a page unseen: a script error, something its policy forbids, a call elsewhere."""
    found: list[str] = []

    def look_at_console(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            found.append(message.text)

    def look_at_request(request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in ("http", "https", "ws", "wss") and where.hostname not in _LOCAL:
            found.append(f"request to {where.hostname}")

    page.on("pageerror", lambda error: found.append(f"script error: {error}"))
    page.on("console", look_at_console)
    page.on("request", look_at_request)
    yield
    assert found == []
