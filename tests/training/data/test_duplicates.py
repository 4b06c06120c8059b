from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.duplicates import Likeness
from training.splits import shingles

LATE = "my parcel from the shop is late again and nobody answers the phone"
LATER = "my parcel from the shop is late again and nobody answers my mails"
OTHER = "please add a dark mode to the web player"


def test_copies_are_the_very_same_text() -> None:
    assert Likeness([LATE, OTHER, LATE, LATER], 0.6).copies() == [[0, 2]]


def test_near_duplicates_hold_copies_and_those_alike() -> None:
    assert Likeness([LATE, OTHER, LATE, LATER], 0.6).near_duplicates() == [[0, 2, 3]]


def test_a_leak_names_the_most_similar_post_kept_apart() -> None:
    likeness = Likeness([OTHER, LATE, "hello there", LATER, LATE], 0.6)
    (leak,) = likeness.leaks(3)
    assert (leak.row, leak.other, leak.similarity) == (1, 1, 1.0)


def test_two_copies_among_the_posts_kept_apart_are_no_leak() -> None:
    assert Likeness([OTHER, LATE, LATE], 0.6).leaks(1) == []


def test_ten_thousand_posts_of_one_template_are_one_kind() -> None:
    texts = [f"@user{number} your code is {number}, use it before {number}" for number in range(10_000)]
    assert len(Likeness(texts, 0.6).near_duplicates()) == 1


_WORDS = st.lists(st.sampled_from(["up", "down", "late", "again", "app"]), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=40)
@given(st.lists(_WORDS, min_size=1, max_size=12), st.integers(0, 12))
def test_no_leak_is_claimed_that_is_none(texts: list[str], first: int) -> None:
    first = min(first, len(texts))
    for leak in Likeness(texts, 0.6).leaks(first):
        one, other = shingles(texts[leak.row]), shingles(texts[first + leak.other])
        assert leak.similarity == pytest.approx(len(one & other) / len(one | other))
        assert leak.similarity >= 0.6
        assert leak.row < first
