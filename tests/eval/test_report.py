from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from earshot.taxonomy import Category, Taxonomy
from eval.report import (
    cautions,
    confident_errors,
    confusions,
    interval,
    render_report,
    shown,
    title,
    urgency_errors,
    verdict,
)
from eval.results import ConfusionMatrix, Figure
from eval.samples import Sample
from tests.eval.data import TAXONOMY, prediction, rejection, sample
from tests.eval.made import results, samples

VOID = {"meta", "br", "link", "img", "input", "hr"}
LEVELS = TAXONOMY.urgency_names


class _Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what a browser would fetch, run or jump to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def with_tag(self, *names: str) -> Iterator[dict[str, str | None]]:
        return (attributes for tag, attributes in self.tags if tag in names)


def _page(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(results(), samples())


def test_the_page_is_well_formed_and_says_its_language(html: str) -> None:
    (root,) = _page(html).with_tag("html")
    assert root["lang"] == "en"


def test_the_page_asks_nothing_of_the_network(html: str) -> None:
    page = _page(html)
    assert not list(page.with_tag("script", "link", "img", "iframe", "object", "embed"))
    assert not any("src" in attributes for _, attributes in page.tags)
    assert all((attributes["href"] or "").startswith("#") for attributes in page.with_tag("a"))
    assert "url(" not in html and "@import" not in html
    assert "default-src 'none'" in html


def test_every_link_leads_somewhere(html: str) -> None:
    page = _page(html)
    names = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {(attributes["href"] or "")[1:] for attributes in page.with_tag("a")} <= names


def test_every_picture_says_in_words_what_it_shows(html: str) -> None:
    pictures = list(_page(html).with_tag("svg"))
    assert pictures
    for picture in pictures:
        assert picture["role"] == "img"
        assert picture.get("aria-label") or picture.get("aria-labelledby")
    assert 'aria-label="F1 of complaint 0.667, ' in html


def test_the_page_warns_of_the_texts_it_holds(html: str) -> None:
    assert "Do not publish this page" in html


def test_figures_stand_before_the_details(html: str) -> None:
    assert html.index("What was found") < html.index("macro-F1 is") < html.index('id="categories"')


def test_command_seed_digests_and_definitions_are_there(html: str) -> None:
    for said in ("earshot eval run", "seed 0", "sha256:" + "0" * 64, "1" * 64, "15 equal-width bins", "stratified"):
        assert said in html


def test_groups_are_shown_with_their_n(html: str) -> None:
    assert re.search(r"source = forum</th><td class=\"number small\">7</td>", html)


def test_texts_and_names_are_escaped() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
    judged = [*samples(), sample("leak", prediction("none", 0.99), text=evil, source=evil)]
    page = _page(render_report(results(judged), judged))
    assert not list(page.with_tag("script", "img"))


def test_a_very_long_text_is_cut() -> None:
    judged = [*samples(), sample("leak", prediction("none", 0.99), text="word " * 5000)]
    assert len(render_report(results(judged), judged)) < 100_000


def test_many_categories_are_listed_by_confusion_instead_of_drawn() -> None:
    names = [f"intent-{index}" for index in range(40)]
    taxonomy = Taxonomy(name="many", categories=tuple(Category(name=name) for name in names))
    judged = [_intent(name, names[(index + 1) % 40], names) for index, name in enumerate(names)]
    html = render_report(results(judged, taxonomy=taxonomy), judged)
    _page(html)
    assert "The most frequent confusions of categories" in html
    assert 'class="heatmap"' not in html
    assert 'id="urgency"' not in html


def _intent(gold: str, said: str, names: list[str]) -> Sample:
    scores = {name: 0.61 if name == said else 0.01 for name in names}
    one = replace(prediction("leak"), category=said, confidence=0.61, scores=scores, urgency=None, urgency_scores={})
    return sample(gold, one, urgency=None)


def test_a_model_that_rejects_everything_still_gets_a_report() -> None:
    judged = [sample("leak", rejection()) for _ in range(3)]
    html = render_report(results(judged), judged)
    _page(html)
    assert "No post has scores" in html
    assert "no prediction" in html


def test_a_perfect_model_has_no_errors_to_read() -> None:
    judged = [sample("leak", prediction("leak")) for _ in range(3)]
    assert render_report(results(judged), judged).count("<p>None.</p>") == 2


def test_confident_errors_are_those_nobody_would_be_asked_about() -> None:
    judged = [
        sample("leak", prediction("none", 0.6), text="less sure"),
        sample("leak", prediction("none", 0.9), text="surer"),
        sample("leak", prediction("none", 0.3, review_reasons=("low_confidence",)), text="for review"),
        sample("leak", prediction("leak"), text="right"),
        sample("leak", rejection(), text="rejected"),
    ]
    assert [miss.text for miss in confident_errors(judged, LEVELS)] == ["surer", "less sure"]


def test_urgency_errors_come_farthest_first_and_too_low_before_too_high() -> None:
    judged = [
        sample("leak", prediction("leak", urgency="high"), urgency="low", text="two too high"),
        sample("leak", prediction("leak", urgency="low"), urgency="high", text="two too low"),
        sample("leak", prediction("leak", urgency="low"), urgency="critical", text="three too low"),
        sample("leak", prediction("leak", urgency="low"), urgency="medium", text="one"),
        sample("leak", prediction("leak", urgency="low"), urgency=None, text="unknown"),
    ]
    found = [miss.text for miss in urgency_errors(judged, LEVELS)]
    assert found == ["three too low", "two too low", "two too high"]


def test_confusions_leave_the_diagonal_out() -> None:
    matrix = ConfusionMatrix(labels=("a", "b"), counts=((5, 1, 0), (3, 7, 2)))
    assert confusions(matrix) == [("b", "a", 3), ("b", "no prediction", 2), ("a", "b", 1)]


def test_the_verdict_names_figure_interval_and_n() -> None:
    first = verdict(results())[0]
    assert re.fullmatch(r"The category is right for \d+\.\d\s% \(\d+\.\d–\d+\.\d\s%\) of 12 posts\.", first)


def test_nothing_is_known_of_a_category_without_posts() -> None:
    judged = [sample("leak", prediction("leak"), urgency=None) for _ in range(40)]
    said = " ".join(cautions(results(judged)))
    assert "nothing is known of: complaint, feature-request, billing, praise, none" in said
    assert "Nothing is known of urgency" in said


def test_numbers_are_written_so_that_they_cannot_be_misread() -> None:
    share = Figure(metric="accuracy", value=0.5, low=0.25, high=1.0, n=4)
    kappa = Figure(metric="urgency_quadratic_kappa", value=-0.1, low=-0.2, high=0.3, n=4)
    bare = Figure(metric="ece", value=0.1, low=None, high=None, n=4, undefined_resamples=90)
    assert (shown(share), interval(share)) == ("50.0\u00a0%", "25.0–100.0\u00a0%")
    assert (shown(kappa), interval(kappa)) == ("−0.100", "−0.200 to 0.300")
    assert interval(bare) == "no interval"


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("macro_f1", "macro-F1"),
        ("urgency_macro_f1", "urgency macro-F1"),
        ("urgency_quadratic_kappa", "urgency quadratic kappa"),
        ("f1[leak]", "F1 of leak"),
        ("urgency_recall[high]", "urgency recall of high"),
    ],
)
def test_metrics_have_names_for_people(metric: str, name: str) -> None:
    assert title(metric) == name
