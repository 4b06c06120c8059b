"""Altered posts: the same for the same seed, another share each epoch, and always a text."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.augmentation import ALTERATIONS, altered, fewer_words, plain, typos

TEXTS = [
    f"@Shop {number} my parcel number {number} never came, see https://shop.example/{number} #late"
    for number in range(200)
]


@given(st.lists(st.text(), max_size=20), st.floats(0, 1), st.integers(0, 9), st.integers(0, 9))
def test_every_text_stays_a_text_in_its_place(texts: list[str], share: float, seed: int, epoch: int) -> None:
    found = altered(texts, share, seed=seed, epoch=epoch)
    assert len(found) == len(texts)
    assert all(new.strip() for new, old in zip(found, texts, strict=True) if old.strip())
    assert found == altered(texts, share, seed=seed, epoch=epoch)


def test_about_the_share_is_altered_and_each_epoch_another() -> None:
    first, second = (altered(TEXTS, 0.5, seed=1, epoch=epoch) for epoch in (0, 1))
    changed = [sum(new != old for new, old in zip(found, TEXTS, strict=True)) for found in (first, second)]
    assert all(60 <= count <= 120 for count in changed)
    assert first != second
    assert altered(TEXTS, 0, seed=1, epoch=0) == TEXTS


def test_what_is_altered_does_not_depend_on_other_posts() -> None:
    assert altered(TEXTS[:10], 0.5, seed=1, epoch=0) == altered(TEXTS, 0.5, seed=1, epoch=0)[:10]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_each_alteration_alters_something(alteration: object) -> None:
    assert callable(alteration)
    assert any(alteration(text, Random(place)) != text for place, text in enumerate(TEXTS))


def test_short_posts_keep_their_words_and_handles_are_not_mistyped() -> None:
    assert fewer_words("my account was stolen", Random(0)) == "my account was stolen"
    assert all(typos("@Shop #late 14.99", Random(seed)) == "@Shop #late 14.99" for seed in range(50))
    assert plain("@Shop it leaked https://a.example #leak", Random(0)) == "it leaked leak"
