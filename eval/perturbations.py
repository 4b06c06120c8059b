"""Small changes to a post that change nothing about what it says: how it is typed, in which tone, with what around it.

Each takes a text and a source of chance, and gives the same for the same. One that finds nothing to change gives the
text back.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable
from random import Random

Perturbation = Callable[[str, Random], str]

_WORD = re.compile(r"[A-Za-z]{4,}")
_PART = re.compile(r"\S+")
_NO_WORD = re.compile(r"[@#/\d]|\w\.\w")
"""What makes of a part of the text a handle, a hashtag, a link, an address or a number."""
_NEIGHBOURS = {
    "a": "s", "b": "v", "c": "x", "d": "f", "e": "r", "f": "g", "g": "h", "h": "j", "i": "o", "j": "k", "k": "l",
    "l": "k", "m": "n", "n": "b", "o": "p", "p": "o", "q": "w", "r": "t", "s": "d", "t": "y", "u": "i", "v": "c",
    "w": "e", "x": "z", "y": "u", "z": "x",
}  # fmt: skip
_ANGRY = ("😡", "🤬", "😤", "💢")
_NEUTRAL = ("🙂", "👀", "✨", "🤔")
_GREETINGS = ("Hi, ", "Hello there, ", "Good morning. ", "Hey, ")
_THANKS = (" Thanks!", " Many thanks.", " Thank you in advance.", " Cheers.")
_HANDLES = ("@NorthlineHelp ", "@BramlowUK ", "@Kestrelcare ", "@Ondavo ")
_LINKS = (" https://ondavo.example/x/81", " https://t.example/Qy7", " www.bramlow.example/p")
_TAGS = (" #fyi", " #justsaying", " #monday", " #hello")
_HOMOPHONES = {
    "you": "u", "are": "r", "please": "pls", "because": "bc", "people": "ppl", "your": "ur", "thanks": "thx",
    "tomorrow": "tmrw", "with": "w/", "and": "&", "for": "4", "to": "2",
}  # fmt: skip


def _in_words(text: str, random: Random, change: Callable[[str, Random], str], share: float) -> str:
    """Change about so large a share of the longer words, at least one; never handles, links or hashtags."""
    spans = [
        (part.start() + word.start(), part.start() + word.end())
        for part in _PART.finditer(text)
        if not _NO_WORD.search(part[0])
        for word in _WORD.finditer(part[0])
    ]
    if not spans:
        return text
    chosen = random.sample(spans, max(1, round(share * len(spans))))
    for start, end in sorted(chosen, reverse=True):
        text = text[:start] + change(text[start:end], random) + text[end:]
    return text


def _swap(word: str, random: Random) -> str:
    at = random.randrange(1, len(word) - 2) if len(word) > 3 else 1
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _drop(word: str, random: Random) -> str:
    at = random.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1 :]


def _neighbour(word: str, random: Random) -> str:
    at = random.randrange(1, len(word))
    return word[:at] + _NEIGHBOURS.get(word[at].lower(), word[at]) + word[at + 1 :]


def swapped_letters(text: str, random: Random) -> str:
    """Two letters the wrong way round in a tenth of the longer words."""
    return _in_words(text, random, _swap, 0.1)


def missing_letters(text: str, random: Random) -> str:
    """A letter left out in a tenth of the longer words."""
    return _in_words(text, random, _drop, 0.1)


def wrong_keys(text: str, random: Random) -> str:
    """The key beside the right one in a tenth of the longer words."""
    return _in_words(text, random, _neighbour, 0.1)


def capitals(text: str, random: Random) -> str:
    """All in capitals."""
    return text.upper()


def small_letters(text: str, random: Random) -> str:
    """All in small letters."""
    return text.lower()


def title_case(text: str, random: Random) -> str:
    """Every word with a capital."""
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))


def exclamation_marks(text: str, random: Random) -> str:
    """Full stops become exclamation marks, and three stand at the end."""
    return re.sub(r"(?<=\w)\.(?=\s|$)", "!", text).rstrip(" .!") + "!!!"


def no_punctuation(text: str, random: Random) -> str:
    """Without full stops, commas, exclamation marks, colons and semicolons; question marks and numbers stay."""
    return re.sub(r"(?<!\d)[.,!;:](?=\s|$)|[.,!;:](?=\s|$)", "", text)


def curly_quotes(text: str, random: Random) -> str:
    """Typographic apostrophes and quotation marks."""
    return re.sub(r'"([^"]*)"', "“\\1”", text).replace("'", "’")


def line_breaks(text: str, random: Random) -> str:
    """Each sentence on a line of its own."""
    return re.sub(r"(?<=[.!?]) +", "\n\n", text)


def double_spaces(text: str, random: Random) -> str:
    """Two spaces between words."""
    return text.replace(" ", "  ")


def angry_emoji(text: str, random: Random) -> str:
    """Two angry faces at the end."""
    return f"{text} {random.choice(_ANGRY) * 2}"


def neutral_emoji(text: str, random: Random) -> str:
    """An emoji that says nothing at the end."""
    return f"{text} {random.choice(_NEUTRAL)}"


def greeting(text: str, random: Random) -> str:
    """A greeting in front."""
    return random.choice(_GREETINGS) + text


def thanks(text: str, random: Random) -> str:
    """Thanks at the end, as a politeness."""
    return text + random.choice(_THANKS)


def handle(text: str, random: Random) -> str:
    """A handle in front, where there is none."""
    return text if "@" in text else random.choice(_HANDLES) + text


def link(text: str, random: Random) -> str:
    """A link at the end."""
    return text + random.choice(_LINKS)


def hashtag(text: str, random: Random) -> str:
    """A hashtag that says nothing at the end."""
    return text + random.choice(_TAGS)


def short_forms(text: str, random: Random) -> str:
    """Chat spelling: u for you, pls for please."""
    pattern = re.compile(rf"\b({'|'.join(_HOMOPHONES)})\b")
    return pattern.sub(lambda found: _HOMOPHONES[found[0]], text)


def accents_apart(text: str, random: Random) -> str:
    """Accents as combining marks of their own (Unicode NFD)."""
    return unicodedata.normalize("NFD", text)


def full_width(text: str, random: Random) -> str:
    """Letters of one word in full width, as some phones and many spammers write."""
    wide = {ord(letter): ord(letter) + 0xFEE0 for letter in string.ascii_letters}
    return _in_words(text, random, lambda word, _: word.translate(wide), 0.0)


PERTURBATIONS: dict[str, Perturbation] = {
    one.__name__: one
    for one in (
        swapped_letters, missing_letters, wrong_keys, capitals, small_letters, title_case, exclamation_marks,
        no_punctuation, curly_quotes, line_breaks, double_spaces, angry_emoji, neutral_emoji, greeting, thanks, handle,
        link, hashtag, short_forms, accents_apart, full_width,
    )
}  # fmt: skip
"""Every perturbation by its name."""
