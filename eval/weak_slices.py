"""A search for slices on which a model is worse than elsewhere, and that nobody thought of naming.

Candidates are properties of posts, columns of the data, pairs of these, and words. Whether a slice holds more errors
than chance puts there is asked of each by the hypergeometric test (Fisher's exact test, one-sided), and the p-values
are corrected by Holm's method for all the candidates looked at: with many looks, some slice always looks bad.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from eval.differences import ALPHA, holm
from eval.post_properties import COLUMNS, PROPERTIES
from eval.samples import Sample
from eval.slices import is_value, value_of

MIN_POSTS = 20
"""Smaller slices are not looked at; so no word stands in results that fewer posts than this share."""
MAX_VALUES = 30
"""Columns with more values than this name single posts rather than kinds of posts."""
SHOWN = 10
_SAME = 0.5
"""Two slices that share more than this of their posts are one finding."""

_WORD = re.compile(r"(?<![@#\w.])[a-z]{3,}(?![\w.]*@)", re.IGNORECASE)


class WeakSlice(BaseModel):
    """Posts on which the model errs more often than elsewhere.

    Attributes:
        name: What the posts have in common.
        n: How many they are.
        error: The share of wrong categories among them.
        error_elsewhere: The share among the other posts.
        p_adjusted: Corrected for all slices looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    n: int
    error: float
    error_elsewhere: float
    p_adjusted: float


class WeakSlices(BaseModel):
    """What the search found.

    Attributes:
        candidates: Slices looked at.
        found: Those that are significantly worse, the surest first, at the most `SHOWN`; of several with mostly the
            same posts one alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: int
    found: tuple[WeakSlice, ...]


def weak_slices(samples: Sequence[Sample], *, alpha: float = ALPHA) -> WeakSlices:
    """Search.

    Args:
        samples: Judged posts.
        alpha: Below it an adjusted p-value is significant.
    """
    wrong = np.array([sample.wrong for sample in samples], dtype=bool)
    names, members = _candidates(samples)
    if not names:
        return WeakSlices(candidates=0, found=())
    sizes = np.array([len(rows) for rows in members])
    errors = np.array([int(wrong[list(rows)].sum()) for rows in members])
    # Of all posts so many are wrong; drawing as many as the slice has, at least so many would be.
    p_values = stats.hypergeom.sf(errors - 1, len(samples), int(wrong.sum()), sizes)
    adjusted = holm([float(value) for value in p_values])
    order = sorted(range(len(names)), key=lambda index: (adjusted[index], p_values[index]))
    significant = [index for index in order if adjusted[index] < alpha]
    found = [
        WeakSlice(
            name=names[index],
            n=int(sizes[index]),
            error=float(errors[index] / sizes[index]),
            error_elsewhere=float((wrong.sum() - errors[index]) / (len(samples) - sizes[index])),
            p_adjusted=adjusted[index],
        )
        for index in _distinct(significant, members)
    ]
    return WeakSlices(candidates=len(names), found=tuple(found[:SHOWN]))


def _distinct(indices: Sequence[int], members: Sequence[frozenset[int]]) -> Iterator[int]:
    """Leave out slices that hold mostly the same posts as one before them."""
    kept: list[frozenset[int]] = []
    for index in indices:
        rows = members[index]
        if all(len(rows & other) <= _SAME * len(rows | other) for other in kept):
            kept.append(rows)
            yield index


def _candidates(samples: Sequence[Sample]) -> tuple[list[str], list[frozenset[int]]]:
    """Slices neither too small nor all of the posts; of several with the same posts the first, and simplest, stays."""
    simple = {name: rows for name, rows in _properties(samples) if len(rows) >= MIN_POSTS}
    pairs = (
        (f"{one} and {other}", simple[one] & simple[other])
        for one, other in itertools.combinations(simple, 2)
        if one.partition(" = ")[0] != other.partition(" = ")[0]
    )
    kept: dict[frozenset[int], str] = {}
    for name, rows in itertools.chain(simple.items(), pairs, _words(samples)):
        if MIN_POSTS <= len(rows) <= len(samples) - MIN_POSTS:
            kept.setdefault(rows, name)
    return list(kept.values()), list(kept)


def _properties(samples: Sequence[Sample]) -> Iterator[tuple[str, frozenset[int]]]:
    for column in (*PROPERTIES, *COLUMNS):
        rows: dict[str, set[int]] = defaultdict(set)
        for index, sample in enumerate(samples):
            value = value_of(sample.post, column)
            if is_value(value):
                rows[f"{column} = {value}"].add(index)
        if len(rows) <= MAX_VALUES:
            yield from ((name, frozenset(members)) for name, members in rows.items())


def _words(samples: Sequence[Sample]) -> Iterator[tuple[str, frozenset[int]]]:
    rows: dict[str, set[int]] = defaultdict(set)
    for index, sample in enumerate(samples):
        for word in _WORD.findall(sample.post.text.lower()):
            rows[word].add(index)
    yield from ((f"with the word '{word}'", frozenset(members)) for word, members in sorted(rows.items()))
