"""What can be said of a text without a model: that it is empty, too short, or in a language nobody trained on.

Knows nothing of scores; `decision` turns what is found into review reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from earshot.language import foreign_language
from earshot.post import ReviewReason

# One scan over maximal runs, each judged by itself: a pattern that searches for hosts from every
# position takes quadratic time on `a.a.a.…`.
_RUN = re.compile(r"[\w@.-]+")
_HOST = re.compile(r"(?:[\w-]+\.)+[a-zA-Z]{2,}")
_WORD = re.compile(r"\w+")
_MIN_WORDS = 2
_UNSEEN = " \u200d\ufe0e\ufe0f"
"""What `normalize` leaves but nobody sees when it stands alone: the joiner and variation selectors of emoji."""

_LATIN_LANGUAGES = frozenset(  # as one string, because the formatter gives each item of a list a line
    "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nb nl nn no pl pt ro sk sl sq sv sw "  # noqa: SIM905
    "tl tr vi".split()
)
"""Languages written in Latin letters; to a model for any other language no script is foreign."""


@dataclass(frozen=True, slots=True)
class Screening:
    """What stands in the way of judging a text.

    Attributes:
        blank: There is not one visible character: nothing at all to judge.
        reasons: Review reasons that hold whatever the model says.
    """

    blank: bool
    reasons: tuple[ReviewReason, ...] = ()


def screen(text: str, languages: tuple[str, ...]) -> Screening:
    """Look at a normalized text.

    `empty` means that nothing but handles, links, punctuation or emoji is left; `too_short` that a single word is.
    Hashtags count as words, because people write them as such ("#refund #now"). `unsupported_language` is claimed
    by script, when most letters are not Latin and all languages of the model are written in Latin letters, or by
    the commonest words of another language.

    Args:
        text: The normalized text.
        languages: ISO 639-1 codes that the model was trained on.
    """
    if not text.strip(_UNSEEN):
        return Screening(blank=True)
    words = list(_words(text))
    if _is_in_another_script(words, languages) or foreign_language(words, languages):
        return Screening(blank=False, reasons=("unsupported_language",))
    if not words:
        return Screening(blank=False, reasons=("empty",))
    if len(words) < _MIN_WORDS:
        return Screening(blank=False, reasons=("too_short",))
    return Screening(blank=False)


def _words(text: str) -> Iterator[str]:
    """The words, without handles, mail addresses and hosts."""
    for run in _RUN.findall(text):
        if "@" not in run and not ("." in run and _HOST.fullmatch(run.strip(".-"))):
            yield from (word for word in _WORD.findall(run) if word.strip("_"))


def _is_in_another_script(words: list[str], languages: tuple[str, ...]) -> bool:
    if not languages or not _LATIN_LANGUAGES.issuperset(languages):
        return False
    if all(map(str.isascii, words)):
        return False
    letters = [letter for word in words for letter in word if letter.isalpha()]
    return 2 * sum(not _is_latin(letter) for letter in letters) > len(letters)


def _is_latin(letter: str) -> bool:
    code = ord(letter)
    return code < 0x0250 or 0x1E00 <= code < 0x1F00
