from __future__ import annotations

from dataclasses import replace

import pytest

from eval.expectation import Expectation
from tests.eval.data import TAXONOMY, prediction

SAID = replace(prediction("billing", urgency="high"), secondary=("complaint",))


def _failures(expect: Expectation, *, before_category: str = "billing", before_urgency: str = "high") -> list[str]:
    return expect.failures(SAID, prediction(before_category, urgency=before_urgency), TAXONOMY)


@pytest.mark.parametrize(
    "expect",
    [
        Expectation(category="billing"),
        Expectation(category=["complaint", "billing"]),
        Expectation(not_category="praise"),
        Expectation(secondary=["complaint"]),
        Expectation(urgency="high"),
        Expectation(urgency_at_least="medium"),
        Expectation(urgency_at_most="critical"),
        Expectation(same_category=True, urgency_change="none"),
    ],
)
def test_what_holds_is_no_failure(expect: Expectation) -> None:
    assert _failures(expect) == []


@pytest.mark.parametrize(
    ("expect", "failure"),
    [
        (Expectation(category="praise"), "category billing, expected praise"),
        (Expectation(not_category="billing"), "category billing, expected any other"),
        (Expectation(secondary=["praise"]), "secondary lacks praise"),
        (Expectation(urgency=["low", "medium"]), "urgency high, expected low or medium"),
        (Expectation(urgency_at_least="critical"), "urgency high, expected at least critical"),
        (Expectation(urgency_at_most="medium"), "urgency high, expected at most medium"),
    ],
)
def test_what_does_not_hold_is_said_in_words(expect: Expectation, failure: str) -> None:
    assert _failures(expect) == [failure]


@pytest.mark.parametrize(
    ("change", "before", "holds"),
    [
        ("none", "high", True),
        ("none", "low", False),
        ("not higher", "critical", True),
        ("not higher", "low", False),
        ("not lower", "low", True),
        ("not lower", "critical", False),
        ("higher", "medium", True),
        ("higher", "high", False),
    ],
)
def test_urgency_is_compared_with_the_unchanged_post(change: str, before: str, holds: bool) -> None:
    expect = Expectation.model_validate({"urgency_change": change})
    assert (_failures(expect, before_urgency=before) == []) is holds


def test_a_category_that_moves_is_named_both_ways() -> None:
    assert _failures(Expectation(same_category=True), before_category="leak") == ["category leak became billing"]
