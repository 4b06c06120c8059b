"""Text to token ids with the raw `tokenizers` library. Knows nothing of padding, batches or models.

Truncation is set once, at construction: a tokenizer that is reconfigured between calls is not safe to
share between threads, one that is only read is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as RawTokenizer

from earshot.errors import BundleIntegrityError


@dataclass(frozen=True, slots=True)
class Encoding:
    """The tokens of one text.

    Attributes:
        ids: Token ids with special tokens, `[tokens]`, int64.
        tokens: How many of them are not special.
        truncated: Whether the end of the text did not fit.
    """

    ids: npt.NDArray[np.int64]
    tokens: int
    truncated: bool


class Tokenizer:
    """Turns normalized texts into token ids; safe to share between threads.

    Args:
        definition: The content of a `tokenizer.json`.
        max_tokens: The most ids a text may take, special tokens included.
        max_characters: Characters beyond this are not even tokenized, which bounds the work of a huge post.
    """

    def __init__(self, definition: str, *, max_tokens: int, max_characters: int) -> None:
        self.max_tokens = max_tokens
        self.max_characters = max_characters
        self._raw = RawTokenizer.from_str(definition)
        self._raw.no_padding()
        self._raw.enable_truncation(max_length=max_tokens)
        # Whoever types "[SEP]" or "[PAD]" gets its letters, not the special token.
        self._raw.encode_special_tokens = True

    @classmethod
    def load(cls, path: Path, *, max_tokens: int, max_characters: int) -> Tokenizer:
        """Read a `tokenizer.json`.

        Raises:
            BundleIntegrityError: The file is missing or no tokenizer.
        """
        try:
            return cls(path.read_text("utf-8"), max_tokens=max_tokens, max_characters=max_characters)
        except Exception as error:  # the Rust library raises bare Exception
            raise BundleIntegrityError(f"cannot read tokenizer {path}: {error}") from error

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, added tokens included."""
        return int(self._raw.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts, in order.

        Args:
            texts: Normalized texts.

        Returns:
            One encoding per text, never longer than `max_tokens` ids.
        """
        cut = [text[: self.max_characters] for text in texts]
        encodings = self._raw.encode_batch(cut)
        return [
            Encoding(
                ids=np.asarray(encoding.ids, dtype=np.int64),
                tokens=len(encoding.ids) - sum(encoding.special_tokens_mask),
                truncated=bool(encoding.overflowing) or len(text) > self.max_characters,
            )
            for text, encoding in zip(texts, encodings, strict=True)
        ]
