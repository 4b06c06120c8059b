from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.normalization import normalize
from earshot.screening import Screening, screen

ENGLISH = ("en",)


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b\u2060", "\u200d", "\ufe0f\u200d\ufe0f", "\x00"])
def test_a_text_without_a_visible_character_is_blank(text: str) -> None:
    assert screen(normalize(text), ENGLISH).blank


@pytest.mark.parametrize(
    "text",
    [
        "!!!",
        "😡😡",
        "@acme",
        "@acme @other",
        "https://t.co/x1",
        "www.example.com",
        "me@example.com",
        "@acme t.co …",
        "_",
    ],
)
def test_nothing_but_handles_links_and_signs_is_empty(text: str) -> None:
    assert screen(normalize(text), ENGLISH) == Screening(blank=False, reasons=("empty",))


@pytest.mark.parametrize("text", ["refund", "@acme refund!!", "#fail", "why? https://t.co/x", "42"])
def test_a_single_word_is_too_short(text: str) -> None:
    assert screen(normalize(text), ENGLISH) == Screening(blank=False, reasons=("too_short",))


@pytest.mark.parametrize(
    "text", ["#refund #now", "no refund", "it's down", "Paid 14.99.", "v1.2", "the end. Next post", "a b"]
)
def test_two_words_are_judged(text: str) -> None:
    assert screen(normalize(text), ENGLISH) == Screening(blank=False)


@pytest.mark.parametrize("text", ["Где мой заказ", "返金してください", "أين طلبي", "ok где мой заказ", "😀 вернуть"])
def test_another_script_is_an_unsupported_language(text: str) -> None:
    assert screen(normalize(text), ENGLISH).reasons == ("unsupported_language",)


def test_another_language_in_latin_letters_is_unsupported_too() -> None:
    text = "@acme Mein Paket ist noch nicht da https://t.co/x"
    assert screen(normalize(text), ENGLISH).reasons == ("unsupported_language",)
    assert screen(normalize(text), ("en", "de")).reasons == ()


def test_a_few_foreign_words_do_not_count() -> None:
    assert not screen("please translate привет for me", ENGLISH).reasons


def test_accented_latin_letters_are_latin() -> None:
    assert not screen("Łódź café naïve Nguyễn", ENGLISH).reasons


@pytest.mark.parametrize("languages", [(), ("ru",), ("en", "ja"), ("xx",)])
def test_nothing_is_claimed_of_a_model_for_other_scripts(languages: tuple[str, ...]) -> None:
    assert "unsupported_language" not in screen("где мой заказ", languages).reasons


@given(st.text())
def test_every_text_is_screened_and_blank_ones_have_no_reason(text: str) -> None:
    screening = screen(normalize(text), ENGLISH)
    assert len(screening.reasons) <= 1
    assert not (screening.blank and screening.reasons)


@pytest.mark.parametrize("hostile", ["a." * 10_000 + "1", "a-" * 10_000, "@" * 20_000, "." * 20_000])
def test_hostile_texts_are_screened_like_any_other(hostile: str) -> None:
    # Nothing is asserted on time; quadratic work on these would be felt as a hanging test.
    assert not screen(hostile, ENGLISH).blank
