"""Posts that shall judge a model are not learned from, nor is what nearly repeats them. Knows nothing of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.duplicates import Likeness
from training.request import Request, Say
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


def rows_apart_from(texts: Sequence[str], request: Request, say: Say) -> npt.NDArray[np.int64]:
    """The rows of labelled texts that are no near-duplicates of the request's held-out posts.

    Args:
        texts: Normalized texts.
        request: Names the files, and says from which similarity two posts are near-duplicates.
        say: Told how many are left out.

    Raises:
        DataError: A file cannot be read.
    """
    apart = apart_from(texts, request.held_out, request.config.split.near_duplicate_similarity, request.columns)
    if not apart.all():
        say(f"{(~apart).sum()} posts left out: they are, or nearly repeat, held-out posts")
    return np.flatnonzero(apart)
