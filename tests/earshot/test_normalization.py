from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from earshot.normalization import normalize

# What the stages act on, so that random texts make them meet.
# fmt: off
PIECES = (
    "&", "&amp;", "amp;", "&lt", "&#38;", "&#x26;", "#", ";", "http://", "HTTPS://", "ｈttp", "/", "a.b", "?",
    " ", "\t", "\u00a0", "\u200d", "\u200b", "\u202e", "\ud83d", "\udc00", "❤️", "👩\u200d👧", "e", "\u0301", "\u0323",
    "ﷺ", "ﬁ", "𝐛", "’", "“", "´", "¨", "＆", "\x00", "\x85", "\ufeff", "\u1100", "\u1161", "\u3164", "word",
)
# fmt: on
MESSY = st.lists(
    st.sampled_from(PIECES) | st.characters(categories=["Cc", "Cf", "Cs", "L", "M", "N", "P", "S", "Z"])
).map("".join)


@given(MESSY)
@example("&" + "amp;" * 50)
@example("&" + "amp;" * 8 + "lt;")
@example("http://&#104;ttp://a/b c")
@example("ht\u200btp://x.y/z")
@example("＆amp;amp;")
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@given(MESSY)
def test_the_result_is_plain_to_tokenizers_and_files(text: str) -> None:
    cleaned = normalize(text)
    cleaned.encode("utf-8")
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in cleaned)
    assert unicodedata.is_normalized("NFKC", cleaned)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="&/"), min_size=1))
def test_plain_words_stay(word: str) -> None:
    assert normalize(f"{word} {word}") == f"{word} {word}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("it&#39;s &lt;b&gt; &amp; done", "it's <b> & done"),
        ("AT&T & co", "AT&T & co"),
        ("don’t “say” ‘so’", "don't \"say\" 'so'"),
        ("see https://t.co/AbC123?x=1#y now", "see t.co now"),
        ("HTTP://Example.com", "Example.com"),
        ("𝐑𝐄𝐅𝐔𝐍𝐃 ｎｏｗ ﬁne", "REFUND now fine"),
        ("re\u00adfund \u200bnow\u202e", "refund now"),
        ("a\r\n\tb\u00a0 c\x85d", "a b c d"),
        ("👩\u200d👩\u200d👧 ❤️", "👩\u200d👩\u200d👧 ❤️"),
        ("cafe\u0301", "café"),
        ("half an emoji \ud83d", "half an emoji"),
        (" \u200b\x00 ", ""),
    ],
)
def test_what_is_read_of_what_is_written(written: str, read: str) -> None:
    assert normalize(written) == read


def test_entities_that_people_escape_several_times_are_undone() -> None:
    text = "<3"
    for _ in range(5):
        text = html.escape(text)
    assert normalize(text) == "<3"


@pytest.mark.parametrize("digits", [8, 5_000])
def test_an_absurd_character_reference_is_no_error(digits: int) -> None:
    assert normalize(f"a &#{'9' * digits}; b") == "a \ufffd b"


@pytest.mark.parametrize(
    "hostile",
    ["&" * 20_000, "&" + "amp;" * 5_000, "a" + "\u0301" * 10_000 + "\u0323" * 10_000, "http://" * 3_000, "a." * 10_000],
)
def test_hostile_texts_are_cleaned_like_any_other(hostile: str) -> None:
    # Nothing is asserted on time; quadratic work on these would be felt as a hanging test.
    cleaned = normalize(hostile)
    assert normalize(cleaned) == cleaned


def test_a_pile_of_combining_marks_is_cut_down() -> None:
    assert len(normalize("z" + "\u0335" * 500 + "a" + "\u0335" * 30)) == 62
