"""What can be said of a text without a model: that it is empty, too short, or in a script nobody trained on.

Knows nothing of scores; `decision` turns what is found into review reasons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from earshot.post import ReviewReason

_HANDLE_OR_HOST = re.compile(r"[@#]\w+|\b(?:[\w-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_MIN_WORDS = 2
# Languages written in Latin letters, as far as the shipped models may ever list them.
_LATIN_LANGUAGES = frozenset({"en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "tr"})


@dataclass(frozen=True, slots=True)
class Screening:
    """What stands in the way of judging a text.

    Attributes:
        blank: There is not one visible character: nothing at all to judge.
        reasons: Review reasons that hold whatever the model says.
    """

    blank: bool
    reasons: tuple[ReviewReason, ...] = ()


def _is_latin(letter: str) -> bool:
    code = ord(letter)
    return code < 0x0250 or 0x1E00 <= code < 0x1F00


def screen(text: str, languages: tuple[str, ...]) -> Screening:
    """Look at a normalized text.

    `empty` means that nothing but handles, hashtags, links, punctuation or emoji is left; `too_short` that a single
    word is. `unsupported_language` is claimed only by script so far: when most letters are not Latin and
    all languages of the model are written in Latin letters.

    Args:
        text: The normalized text.
        languages: ISO 639-1 codes that the model was trained on.
    """
    if not text:
        return Screening(blank=True)
    words = _WORD.findall(_HANDLE_OR_HOST.sub(" ", text))
    letters = [character for word in words for character in word if character.isalpha()]
    foreign = sum(not _is_latin(letter) for letter in letters)
    if languages and _LATIN_LANGUAGES.issuperset(languages) and foreign * 2 > len(letters):
        return Screening(blank=False, reasons=("unsupported_language",))
    if not any(character.isalnum() for word in words for character in word):
        return Screening(blank=False, reasons=("empty",))
    if len(words) < _MIN_WORDS:
        return Screening(blank=False, reasons=("too_short",))
    return Screening(blank=False)
