"""The page at `/` in a real browser, over a real service with a real model and a real database."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from earshot import Bundle, Pipeline
from earshot.feedback import Labels
from earshot.feedback.store import FeedbackStore
from earshot.taxonomy import Category, Taxonomy
from service.settings import Settings
from tests.browser import PHONE, watched
from tests.service.running import running
from tests.tiny import write_tiny_bundle

POSTS = "I want a refund today\nthe app crashes, refund it\nlunch"
LOOKS: dict[str, Any] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('page')}/feedback.db"


@pytest.fixture(scope="module")
def site(bundle: Bundle, database: str) -> Iterator[str]:
    """The address of a service that takes corrections."""
    with running(Settings(feedback_database=database), lambda: Pipeline(bundle, threads=1)) as url:
        yield url


def triage(page: Page, url: str, posts: str = POSTS) -> None:
    page.goto(url)
    page.get_by_label("Posts").fill(posts)
    page.get_by_role("button", name="Triage").click()
    expect(page.get_by_role("listitem")).to_have_count(len(posts.splitlines()))


def kept(database: str, text: str) -> list[tuple[Labels, str | None, str | None]]:
    """What was kept of a post, who said so, and what else."""
    store = FeedbackStore.open(database)
    corrections = [each.correction for each in store.corrections()]
    store.close()
    return [(each.corrected, each.reviewer, each.note) for each in corrections if each.text == text]


def test_posts_are_pasted_and_judged(page: Page, site: str) -> None:
    triage(page, site)
    expect(page.get_by_role("status").first).to_contain_text("3 posts in")
    cards = page.get_by_role("listitem")
    expect(cards.nth(0).get_by_role("heading")).to_have_text("Post 1: Billing")
    expect(cards.nth(0)).to_contain_text("medium")
    expect(cards.nth(0)).to_contain_text("goes to billing")
    expect(cards.nth(1)).to_contain_text("A person should look")
    expect(cards.nth(2)).to_contain_text("too short to tell")
    expect(cards.nth(0).get_by_role("table", name="Category").get_by_role("row", name="billing")).to_contain_text("%")


def test_the_words_that_mattered_are_marked_and_named(page: Page, site: str) -> None:
    triage(page, site, "😀 I want a refund and lunch")
    expect(page.locator("mark")).to_have_text("refund")
    expect(page.get_by_role("listitem")).to_contain_text("Mattered most: “refund”.")


def test_of_many_posts_the_words_are_looked_for_when_somebody_asks_why(page: Page, bundle: Bundle) -> None:
    with running(Settings(max_explained_posts=1), lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url, "I want a refund\nI love it\nplease add it\nit leaked")
        expect(page.locator("mark")).to_have_count(0)
        page.get_by_text("Why?").nth(1).click()
        expect(page.locator("mark")).to_have_text("love")


def test_the_cards_are_narrowed_down_and_ordered(page: Page, site: str) -> None:
    triage(page, site)
    page.get_by_role("button", name="needs a person 2").click()
    expect(page.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="needs a person 2").click()
    page.get_by_label("Order").select_option("least sure first")
    expect(page.get_by_role("listitem").nth(0)).to_contain_text("the app crashes")


def test_a_prediction_is_corrected(page: Page, site: str, database: str) -> None:
    triage(page, site)
    card = page.get_by_role("listitem").nth(0)
    card.get_by_role("button", name="Correct").click()
    card.get_by_role("group", name="Category").get_by_role("radio", name="complaint").check()
    card.get_by_role("group", name="Also").get_by_role("checkbox", name="billing").check()
    card.get_by_role("group", name="Urgency").get_by_role("radio", name="high").check()
    card.get_by_label("Your name").fill("ada")
    card.get_by_label("Note").fill("the app is at fault")
    card.get_by_role("button", name="Keep correction").click()
    expect(card).to_contain_text("Kept: complaint, high, billing.")
    assert kept(database, "I want a refund today") == [
        (Labels("complaint", ("billing",), "high"), "ada", "the app is at fault")
    ]


def test_a_prediction_is_confirmed_and_may_be_corrected_afterwards(page: Page, site: str, database: str) -> None:
    triage(page, site, "I love it so much")
    card = page.get_by_role("listitem")
    card.get_by_role("button", name="right").click()
    expect(card).to_contain_text("Kept: the model was right.")
    card.get_by_role("button", name="Change").click()
    card.get_by_role("group", name="Category").get_by_role("radio", name="none").check()
    card.get_by_role("button", name="Keep correction").click()
    expect(card).to_contain_text("Kept: none, low.")
    assert [labels.category for labels, _, _ in kept(database, "I love it so much")] == ["praise", "none"]


def test_all_of_it_works_by_keyboard(page: Page, site: str, database: str) -> None:
    page.goto(site)
    expect(page.get_by_role("heading", name="What it listens for")).to_be_visible()
    press = page.keyboard.press

    def focused() -> str:
        return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))

    press("Tab")
    assert focused() == "API"
    press("Tab")
    assert focused() == "posts"
    page.keyboard.type("I do love it")
    press("Control+Enter")
    expect(page.get_by_role("listitem")).to_have_count(1)
    while focused() != "Correct…":
        press("Tab")
    press("Enter")
    form = page.locator(".correction")
    expect(form.get_by_role("radio", name="praise")).to_be_focused()
    press("Escape")
    expect(form).to_have_count(0)
    assert focused() == "Correct…"
    press("Enter")
    press("ArrowLeft")
    expect(form.get_by_role("radio", name="billing")).to_be_checked()
    press("Enter")
    expect(page.get_by_role("listitem")).to_contain_text("Kept: billing")
    assert focused().startswith("Kept: billing")
    assert [labels.category for labels, _, _ in kept(database, "I do love it")] == ["billing"]


def test_a_post_is_shown_as_it_is_and_never_run(page: Page, site: str) -> None:
    post = "<img src=x onerror=alert(1)><b>refund</b> 😀 &amp;"
    triage(page, site, post)
    expect(page.locator(".text")).to_have_text(post)
    expect(page.locator(".card img")).to_have_count(0)


def test_text_may_be_one_post_in_all(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_label("Posts").fill("I want a refund\n\nand lunch today")
    page.get_by_label("One post in all").check()
    page.get_by_role("button", name="Triage").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.locator(".text")).to_have_text("I want a refund\n\nand lunch today", use_inner_text=True)


def test_more_posts_than_a_request_may_hold_are_judged_in_order(page: Page, bundle: Bundle) -> None:
    with running(Settings(max_posts_per_request=2), lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url, "\n".join(f"refund number {number}" for number in range(5)))
        assert page.locator(".text").all_inner_texts() == [f"refund number {number}" for number in range(5)]


def test_the_examples_of_the_taxonomy_can_be_tried(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("button", name="Try examples").click()
    expect(page.get_by_role("listitem")).to_have_count(6)


def test_examples_come_behind_what_was_pasted(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_label("Posts").fill("mine")
    page.get_by_role("button", name="Try examples").click()
    expect(page.get_by_role("listitem")).to_have_count(7)
    expect(page.locator(".text").first).to_have_text("mine")


def test_a_model_with_other_labels_in_its_place_is_noticed(page: Page, bundle: Bundle, tmp_path: Path) -> None:
    names = ("billing", "praise", "chatter")
    other = write_tiny_bundle(
        tmp_path / "other",
        taxonomy=Taxonomy(name="other", categories=tuple(Category(name=name, route="desk") for name in names)),
    )
    with running(Settings(), lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url, "a refund please")
        port = int(url.rpartition(":")[2])
    with running(Settings(), lambda: Pipeline(other, threads=1), port=port):
        page.get_by_role("button", name="Triage").click()
        expect(page.get_by_role("listitem")).to_contain_text("goes to desk")
        expect(page.get_by_role("table", name="Category").get_by_role("row")).to_have_count(3)
        expect(page.get_by_role("table", name="Urgency")).to_have_count(0)


def test_without_feedback_nothing_is_offered(page: Page, bundle: Bundle) -> None:
    with running(Settings(), lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url)
        expect(page.get_by_role("button", name="Correct")).to_have_count(0)


def test_a_key_is_asked_for_and_used(page: Page, bundle: Bundle, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"desk:sha256:{hashlib.sha256(b'secret').hexdigest()}\n")
    with running(Settings(api_keys_file=keys), lambda: Pipeline(bundle, threads=1)) as url:
        page.goto(url)
        page.get_by_label("Posts").fill("I love it so much")
        page.get_by_role("button", name="Triage").click()
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("This key is not known here")
        page.get_by_label("API key").fill("secret")
        page.keyboard.press("Enter")
        expect(page.get_by_role("listitem")).to_have_count(1)
        expect(page.get_by_label("API key")).to_be_hidden()
        expect(page.get_by_role("alert").first).to_be_hidden()


def test_a_service_that_is_gone_is_told_of_and_what_was_pasted_stays(page: Page, bundle: Bundle) -> None:
    with running(Settings(), lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url)
    page.get_by_role("button", name="Triage").click()
    expect(page.get_by_role("alert").first).to_contain_text("The service cannot be reached")
    expect(page.get_by_label("Posts")).to_have_value(POSTS)


def test_a_correction_that_cannot_be_kept_stays_in_the_form(page: Page, bundle: Bundle) -> None:
    nowhere = "postgresql://user@127.0.0.1:9/feedback"
    settings = Settings(feedback_database=nowhere, retry_after_s=0)
    with running(settings, lambda: Pipeline(bundle, threads=1)) as url:
        triage(page, url, "I love it so much")
        page.get_by_role("button", name="Correct").click()
        page.get_by_label("Note").fill("kept here")
        page.get_by_role("button", name="Keep correction").click()
        expect(page.locator(".correction").get_by_role("alert")).to_contain_text("Not kept")
        expect(page.get_by_label("Note")).to_have_value("kept here")


def test_a_service_that_starts_is_waited_for(page: Page, bundle: Bundle) -> None:
    gate = threading.Event()

    def load() -> Pipeline:
        gate.wait()
        return Pipeline(bundle, threads=1)

    with running(Settings(), load) as url:
        try:
            page.goto(url)
            expect(page.get_by_role("status").first).to_contain_text("The service is starting")
        finally:
            gate.set()
        expect(page.get_by_role("heading", name="What it listens for")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_stands_in_anybodys_way(browser: Browser, site: str, look: str) -> None:
    """By axe-core, in every state of the page; and nothing needs to be scrolled sideways."""
    with browser.new_context(**LOOKS[look]) as context, context.new_page() as page, watched(page):

        def assert_accessible() -> None:
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

        page.goto(site)
        expect(page.get_by_role("heading", name="What it listens for")).to_be_visible()
        assert_accessible()
        triage(page, site, f"{POSTS}\nit leaked\nplease add it\nthey are stolen {'x' * 200}")
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true; }")
        page.get_by_role("button", name="Correct").nth(1).click()
        assert_accessible()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(re.findall(r"\d+", dark)[0])
        assert (red < 64) == (look == "dark")


def test_a_finger_has_room(browser: Browser, site: str) -> None:
    with browser.new_context(**LOOKS["phone"]) as context, context.new_page() as page, watched(page):
        triage(page, site)
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box is None or box["height"] >= 24  # WCAG 2.2, target size (minimum)
