"""A validation split that near-duplicates don't leak into. Knows nothing of labels' meaning or of networks.

Near-duplicates are found by MinHash and locality-sensitive hashing over word 3-grams (Broder 1997), so that
the copies of a post, and the templates of a bot, lie on one side of the split together.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from datasketch import MinHash, MinHashLSH
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from earshot.errors import DataError

_WORD = re.compile(r"\w+")
_PERMUTATIONS = 64
_MASKED = re.compile(r"[@#]\w+|\d+")


def shingles(text: str) -> set[bytes]:
    """The word 3-grams of a text, handles and numbers masked; of a shorter text all its words as one."""
    words = _WORD.findall(_MASKED.sub(" x ", text.lower()))
    if len(words) < 3:
        return {" ".join(words).encode()}
    return {" ".join(words[start : start + 3]).encode() for start in range(len(words) - 2)}


def near_duplicate_groups(texts: Sequence[str], similarity: float) -> npt.NDArray[np.int64]:
    """Group texts that are near-duplicates of each other, directly or through others.

    Args:
        texts: Normalized texts.
        similarity: Jaccard similarity of their 3-grams from which two count as near-duplicates.

    Returns:
        `[texts]`, the group of each: the row of its first member.
    """
    index = MinHashLSH(threshold=similarity, num_perm=_PERMUTATIONS)
    parent = list(range(len(texts)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, text in enumerate(tqdm(texts, desc="near-duplicates", unit="post", leave=False, disable=None)):
        sketch = MinHash(num_perm=_PERMUTATIONS)
        sketch.update_batch(sorted(shingles(text)))
        for other in index.query(sketch):
            first, second = sorted((root(row), root(other)))
            parent[second] = first
        index.insert(row, sketch)
    return np.array([root(row) for row in range(len(texts))], np.int64)


def validation_rows(
    category: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], fraction: float, seed: int
) -> npt.NDArray[np.int64]:
    """Choose the rows to validate on, categories in proportion and groups whole.

    Args:
        category: `[posts]`, the category of each.
        groups: `[posts]`, the near-duplicate group of each.
        fraction: Share of the posts, approximately.
        seed: Of the choice.

    Raises:
        DataError: The posts are so few, or so alike, that nothing can be held back.
    """
    count, largest = len(np.unique(groups)), int(np.bincount(category).max())
    splits = min(max(2, round(1 / fraction)), count, largest)
    if splits < 2:
        raise DataError(
            f"{len(category)} posts in {count} group(s) of near-duplicates: too few, or too alike, to hold some back "
            "for validation; add other posts"
        )
    return cut(category, groups, splits, seed)[0]


def cut(
    category: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], parts: int, seed: int
) -> list[npt.NDArray[np.int64]]:
    """Cut posts into parts, categories in proportion and groups whole.

    Args:
        category: `[posts]`, the category of each.
        groups: `[posts]`, the near-duplicate group of each.
        parts: How many, at least 2; at most the number of groups.
        seed: Of the cut.

    Returns:
        The rows of each part.
    """
    folds = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a rare category may well be missing from a part
        return [np.asarray(rows, np.int64) for _, rows in folds.split(np.zeros(len(category)), category, groups)]
