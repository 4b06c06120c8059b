"""The text that the model reads, from the text that was written. Knows nothing of tokens or models.

Training, evaluation and serving all go through `normalize`, so that none of them sees other text.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata

# Invisible characters break words for the tokenizer. The joiner U+200D stays: it holds emoji together.
_INVISIBLE = {
    code: None
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs") and chr(code) not in "\t\n\r\x0b\x0c\x85\u200d"
}
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})
# Of a link only the host says anything; its path is a dozen tokens of noise.
_LINK = re.compile(r"https?://([^\s/?#]*)\S*", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_MAX_PASSES = 8


def _pass(text: str) -> str:
    text = html.unescape(text).translate(_INVISIBLE)
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    text = _LINK.sub(r"\1", text)
    return _SPACE.sub(" ", text).strip()


def normalize(text: str) -> str:
    """Clean a post's text; cleaning it twice changes nothing.

    HTML entities become characters, compatibility forms (such as mathematical bold letters) become plain
    letters (Unicode NFKC), typographic quotes become straight, links become their host, invisible
    characters vanish and white space collapses.

    Args:
        text: The text as written.

    Returns:
        The cleaned text, possibly empty.
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
