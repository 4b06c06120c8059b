from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training.data.cleaning import MAX_CHARACTERS, clean, text_sha256, without_tags


def test_entities_apostrophes_and_white_space_become_plain() -> None:
    assert clean("  It&#39;s\n you’re \t A&amp;B ") == "It's you're A&B"


def test_the_cut_is_the_last_step() -> None:
    assert clean(" " * 900 + "a" * 900) == "a" * 700


def test_tags_go_and_their_text_stays() -> None:
    assert without_tags('a <b>bold</b> <a href="x">link</a>') == "a bold link"


@given(st.text())
def test_cleaned_text_is_short_flat_and_can_be_hashed(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= MAX_CHARACTERS
    assert cleaned.split() == cleaned.split(" ") or not cleaned.strip()
    assert len(text_sha256(cleaned)) == 64
