from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import watched


def test_scripts_run_and_a_page_can_be_looked_at(page: Page) -> None:
    page.set_content("<h1 id=h>before</h1><script>document.getElementById('h').textContent = 'after'</script>")
    assert page.inner_text("h1") == "after"
    assert page.screenshot().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("<script>throw new Error('oh no')</script>", "oh no"),
        ("<img src='https://example.invalid/pixel.png'>", "example.invalid"),
        (
            "<meta http-equiv=Content-Security-Policy content='script-src none'><script>1</script>",
            "Content Security Policy",
        ),
    ],
)
def test_what_goes_wrong_unseen_fails_a_test(browser: Browser, content: str, complaint: str) -> None:
    with browser.new_context() as context, pytest.raises(AssertionError, match=complaint):
        page = context.new_page()
        with watched(page):
            page.set_content(content)
            page.wait_for_timeout(100)
