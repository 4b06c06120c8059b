"""What can be seen of a post without reading it: how long, how loud, with what in it. Knows nothing of labels' meaning.

Each property is a column that slices and groups may name, such as `post.length`; None means that it does not apply.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from earshot.records import LabelledPost

_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w+")
_HASHTAG = re.compile(r"(?<!\w)#\w+")
_LENGTHS = ((40, "up to 40 characters"), (140, "41 to 140"), (280, "141 to 280"), (1000, "281 to 1,000"))
_MIN_LETTERS = 5
_LOUD = 0.6
"""Above this share of capital letters a post is written in capitals."""
_BRITISH = re.compile(
    r"\b(?:\w+(?:isation|ising|ysed)|colours?|favourites?|cheques?|centres?|metres?|tyres?|whilst|queue\w*|postcodes?"
    r"|rubbish|cancelled|travell\w+)\b",
    re.IGNORECASE,
)
_AMERICAN = re.compile(
    r"\b(?:\w+(?:ization|izing|yzed)|colors?|favorites?|centers?|meters?|tires?|zip code|cell ?phones?|vacation|gotten"
    r"|mom|canceled|travel(?:ed|ing|er))\b",
    re.IGNORECASE,
)


def _length(post: LabelledPost) -> str:
    size = len(post.text)
    return next((name for limit, name in _LENGTHS if size <= limit), "over 1,000")


def _capitals(post: LabelledPost) -> str | None:
    letters = [letter for letter in post.text if letter.isalpha()]
    if len(letters) < _MIN_LETTERS:
        return None
    loud = sum(letter.isupper() for letter in letters) / len(letters) > _LOUD
    return "mostly capitals" if loud else "ordinary"


def _emoji(post: LabelledPost) -> str:
    return "with emoji" if any(unicodedata.category(sign) == "So" for sign in post.text) else "without"


def _having(pattern: re.Pattern[str], name: str) -> Callable[[LabelledPost], str]:
    return lambda post: f"with {name}" if pattern.search(post.text) else "without"


def _topics(post: LabelledPost) -> str:
    return "two or more" if post.secondary else "one"


def _spelling(post: LabelledPost) -> str | None:
    british, american = (len(pattern.findall(post.text)) for pattern in (_BRITISH, _AMERICAN))
    return None if british == american else "British" if british > american else "American"


PROPERTIES: dict[str, Callable[[LabelledPost], str | None]] = {
    "post.length": _length,
    "post.capitals": _capitals,
    "post.emoji": _emoji,
    "post.link": _having(_LINK, "link"),
    "post.handle": _having(_HANDLE, "handle"),
    "post.hashtag": _having(_HASHTAG, "hashtag"),
    "post.topics": _topics,
    "post.spelling": _spelling,
}
"""Every property by its column's name."""

COLUMNS = ("source", "channel", "language_variety", "sarcasm", "author_group")
"""Columns of the data that are worth a look wherever they are there."""
