"""Posts as other people would have typed them: in other case, with typos, emoji or handles, or without some words.

Each epoch alters another share of the training posts, each in one way, so that the network sees a post's words in more
than one dress (Wei & Zou 2019, arXiv 1901.11196, for the dropped words). What is altered depends on nothing but seed,
epoch and the post's place, so a resumed training sees the same. `eval/perturbations.py`, by which robustness is judged,
is another implementation on purpose. Knows nothing of labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_HANDLE, _TAG, _LINK = re.compile(r"@\w+\s*"), re.compile(r"#(\w+)"), re.compile(r"\s*https?://\S+")
_EMOJI = ("😀", "🙄", "😂", "🔥", "👍", "🤷", "😩", "🎉", "💸", "🚀", "❤️", "😒")
_MARKS = re.compile(r"[!?.,;:]+")
_DROPPED_WORDS, _TYPED_WRONG = 0.1, 0.06
_FEWEST_WORDS = 5
"""Shorter posts keep all their words: each may be the one that decides."""


def lower_case(text: str, _: Random) -> str:
    """All in small letters."""
    return text.lower()


def upper_case(text: str, _: Random) -> str:
    """All in capitals."""
    return text.upper()


def without_marks(text: str, _: Random) -> str:
    """Without punctuation, as on a phone."""
    return _MARKS.sub("", text)


def other_marks(text: str, random: Random) -> str:
    """With another last mark: none, a full stop, or several."""
    return text.rstrip("!?. ") + random.choice(("", ".", "!", "!!", "...", "!!!", "?!"))


def plain(text: str, _: Random) -> str:
    """Without handles and links, and without the # of hashtags."""
    return _LINK.sub("", _TAG.sub(r"\1", _HANDLE.sub("", text))).strip()


def emoji(text: str, random: Random) -> str:
    """With one to three emoji, in front or behind."""
    some = "".join(random.choice(_EMOJI) for _ in range(random.randint(1, 3)))
    return f"{some} {text}" if random.random() < 0.25 else f"{text} {some}"


def fewer_words(text: str, random: Random) -> str:
    """Without a tenth of its words."""
    words = text.split()
    if len(words) < _FEWEST_WORDS:
        return text
    return " ".join(word for word in words if random.random() >= _DROPPED_WORDS)


def typos(text: str, random: Random) -> str:
    """With a letter left out, doubled, exchanged with the next or replaced in some words."""
    return " ".join(_mistyped(word, random) if random.random() < _TYPED_WRONG else word for word in text.split(" "))


def _mistyped(word: str, random: Random) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    at = random.randrange(1, len(word) - 1)
    kind = random.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + random.choice(_LETTERS) + word[at + 1 :]


ALTERATIONS: tuple[Callable[[str, Random], str], ...] = (
    lower_case,
    upper_case,
    without_marks,
    other_marks,
    plain,
    emoji,
    fewer_words,
    fewer_words,
    typos,
    typos,
)
"""What may happen to a post, each as likely as the others."""


def altered(texts: Sequence[str], share: float, *, seed: int, epoch: int) -> list[str]:
    """The texts of one epoch.

    Args:
        texts: Normalized texts.
        share: Of the texts, how many are altered.
        seed: Of the training.
        epoch: From 0.

    Returns:
        As many texts in the same order; one of which nothing would be left stays as it is.
    """
    if share == 0:
        return list(texts)
    return [_maybe(text, share, Random(f"{seed} {epoch} {place}")) for place, text in enumerate(texts)]


def _maybe(text: str, share: float, random: Random) -> str:
    if random.random() >= share:
        return text
    return random.choice(ALTERATIONS)(text, random).strip() or text
