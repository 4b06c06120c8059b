"""The text that the model reads, from the text that was written. Knows nothing of tokens or models.

Training, evaluation and serving all go through `normalize`, so that none of them sees other text.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata


class _Invisible(dict[int, int | None]):
    """A table for `str.translate` without invisible characters, filled as characters are met.

    They break words for the tokenizer. White space stays, and so does the joiner U+200D, which holds emoji together.
    Asking for all 1.1 million code points beforehand would cost a quarter of a second at every start.
    """

    _KEPT = "\t\n\r\x0b\x0c\x85\u200d"

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        invisible = unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in self._KEPT
        self[code] = None if invisible else code
        return self[code]


_INVISIBLE = _Invisible()
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
# Of a link only the host says anything; its path is a dozen tokens of noise.
_LINK = re.compile(r"https?://([^\s/?#]*)\S*", re.IGNORECASE)
# No code point has as many digits; `html.unescape` would fail on Python's limit for long integers.
_ABSURD_REFERENCE = re.compile(rf"&#[0-9]{{{len(str(sys.maxunicode)) + 1},}};?")
# Sorting a pile of combining marks takes Unicode normalization quadratic time; so many are allowed by the
# stream-safe text format (UAX 15), which no language comes near.
_MAX_MARKS = 30
_MARKS = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
_PILE = re.compile(f"([{_MARKS}]{{{_MAX_MARKS}}})[{_MARKS}]+")
_MAX_PASSES = 8


def _pass(text: str) -> str:
    if "&" in text:
        text = html.unescape(_ABSURD_REFERENCE.sub("\ufffd", text))
    if not (text.isascii() and text.isprintable()):
        text = text.translate(_INVISIBLE)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _without_piles(text)).translate(_QUOTES)
    if "://" in text:
        text = _LINK.sub(r"\1", text)
    return " ".join(text.split())


def _without_piles(text: str) -> str:
    # Looking at every 31st character is enough to know that there is no run of 31.
    if any(map(unicodedata.combining, text[_MAX_MARKS :: _MAX_MARKS + 1])):
        return _PILE.sub(r"\1", text)
    return text


def normalize(text: str) -> str:
    """Clean a post's text; cleaning it twice changes nothing.

    HTML entities become characters, compatibility forms (such as mathematical bold letters) become plain
    letters (Unicode NFKC), typographic quotes become straight, links become their host, invisible
    characters vanish and white space collapses. Takes time in proportion to the text's length.

    Args:
        text: The text as written; lone surrogates are allowed.

    Returns:
        The cleaned text, possibly empty; it can be encoded as UTF-8.
    """
    for _ in range(_MAX_PASSES):
        cleaned = _pass(text)
        if cleaned == text:
            return cleaned
        text = cleaned
    # Only entities nested on purpose (`&amp;amp;amp;…`) get here: without ampersands there are none left.
    text = text.replace("&", " ")
    while (cleaned := _pass(text)) != text:
        text = cleaned
    return text
