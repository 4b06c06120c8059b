"""A public post as the label overlays hash it. Knows nothing of files or labels.

Not `earshot.normalization`, which may learn something new: the hashes in `data/overlays` stand on exactly this.
"""

from __future__ import annotations

import hashlib
import html
import re

MAX_CHARACTERS = 700

_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]+>")


def clean(text: str) -> str:
    """Unescape HTML entities, make ’ straight, collapse white space, cut at `MAX_CHARACTERS`."""
    return _SPACE.sub(" ", html.unescape(text).replace("’", "'")).strip()[:MAX_CHARACTERS]


def without_tags(text: str) -> str:
    """Take HTML tags out."""
    return _TAG.sub("", text)


def text_sha256(text: str) -> str:
    """The hash that an overlay names a text by: SHA-256 of its UTF-8, hexadecimal; half an emoji counts as `?`."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
