"""Posts that shall judge a model are not learned from, nor is what nearly repeats them. Knows nothing of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.duplicates import Likeness
from training.texts import read_texts


def apart_from(
    texts: Sequence[str], held_out: Sequence[Path], similarity: float, columns: Mapping[str, str]
) -> npt.NDArray[np.bool_]:
    """Which texts are no near-duplicates of a held-out post.

    Args:
        texts: Normalized texts.
        held_out: Files of posts; labels are not read.
        similarity: Jaccard similarity of word 3-grams from which two posts are near-duplicates.
        columns: Our name of a column to the files' own.

    Returns:
        `[texts]`.

    Raises:
        DataError: A file cannot be read.
    """
    apart = np.ones(len(texts), np.bool_)
    judging = [text for path in held_out for text in read_texts(path, columns).texts]
    if judging:
        apart[[leak.row for leak in Likeness([*texts, *judging], similarity).leaks(len(texts))]] = False
    return apart
