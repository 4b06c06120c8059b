"""The reports in a real browser: whole, without a script or a call elsewhere, on a wide screen and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from eval.behaviour import Case, Check
from eval.checks import check_groups, check_results, judge_checks
from eval.comparison import Options, compare
from eval.comparison_files import render_comparison
from eval.expectation import Expectation
from eval.report import render_report
from tests.browser import PHONE
from tests.eval.data import TAXONOMY, prediction
from tests.eval.folders import answered, flipped, labelled, write_folder
from tests.eval.made import failed_results, results, samples


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("pages")
    champion = answered(labelled(200), right=0.85, seed=1)
    one = write_folder(root / "one", champion)
    other = write_folder(root / "other", flipped(champion, share=0.2, seed=2))
    check = Check(
        "refunds", "money", "minimum", "", Expectation(category="billing"), (Case("it leaked"), Case("refund"))
    )
    said = {"it leaked": prediction("leak"), "refund": prediction("billing")}
    cases = judge_checks([check], said, TAXONOMY)
    checks = results().model_copy(
        update={"slices": (), "checks": check_results(cases, 0.95), "check_groups": check_groups(cases, 0.95)}
    )
    written = {
        "checks": render_report(checks, (), cases),
        "evaluation": render_report(results(), samples()),
        "failed": render_report(failed_results(), samples()),
        "comparison": render_comparison(compare(one, other, options=Options(resamples=200))),
    }
    for name, html in written.items():
        (root / f"{name}.html").write_text(html, encoding="utf-8")
    return {name: root / f"{name}.html" for name in written}


NAMES = ("evaluation", "failed", "comparison", "checks")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(
    page: Page, pages: dict[str, Path], name: str, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(pages[name].as_uri())
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", NAMES)
def test_no_page_is_wider_than_a_phone(page: Page, pages: dict[str, Path], name: str) -> None:
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    page.goto(pages[name].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_verdict_is_seen_before_anything_is_scrolled(page: Page, pages: dict[str, Path]) -> None:
    page.set_viewport_size({"width": 1200, "height": 800})
    for name in ("failed", "comparison"):
        page.goto(pages[name].as_uri())
        heading = page.locator("#verdict")
        assert heading.inner_text() == "Fail"
        box = heading.bounding_box()
        assert box is not None and box["y"] < 800


def test_pictures_are_drawn(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["evaluation"].as_uri())
    for title in ("Reliability diagram", "Risk–coverage curve"):
        picture = page.locator("svg", has_text=title)
        box = picture.bounding_box()
        assert box is not None and box["width"] > 200 and box["height"] > 100
    assert page.locator(".heatmap").count() == 2
    page.goto(pages["comparison"].as_uri())
    assert page.locator("svg .lost").count() == 6


def test_every_link_in_a_page_leads_to_something_in_it(page: Page, pages: dict[str, Path]) -> None:
    for path in pages.values():
        page.goto(path.as_uri())
        targets = page.eval_on_selector_all("nav a", "links => links.map(link => link.getAttribute('href'))")
        assert targets
        for target in targets:
            assert page.locator(target).count() == 1
