"""Posts that are the same or nearly so: copies, near-duplicates, and those shared with data kept apart.

MinHash only proposes who might be alike (`training.splits`); whether they are is then computed exactly, since a
leak must not be claimed by chance. Knows nothing of what labels mean.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from training.splits import near_duplicate_groups, shingles


@dataclass(frozen=True, slots=True)
class Leak:
    """A post that stands, or nearly stands, in data that it must be kept apart from.

    Attributes:
        row: The post, by its place among those that are checked.
        other: The most similar post that it must be kept apart from, by its place among those.
        similarity: Jaccard similarity of their word 3-grams.
    """

    row: int
    other: int
    similarity: float


class Likeness:
    """Which of a list of texts are alike.

    Args:
        texts: Normalized texts.
        similarity: Jaccard similarity of word 3-grams from which two texts are near-duplicates.

    Attributes:
        groups: `[texts]`, the group of each; a group holds whoever is alike, directly or through others.
    """

    def __init__(self, texts: Sequence[str], similarity: float) -> None:
        self._texts = texts
        self._similarity = similarity
        self._kinds, self._kind_of = _by_shingles(texts)
        self._neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
        firsts = [rows[0] for rows in self._kinds]
        proposed = near_duplicate_groups([texts[row] for row in firsts], similarity)
        roots = self._verify(proposed)
        self.groups: npt.NDArray[np.int64] = np.array([roots[kind] for kind in self._kind_of], np.int64)

    def copies(self) -> list[list[int]]:
        """Rows with the very same text, two or more each."""
        return _several(self._texts)

    def near_duplicates(self) -> list[list[int]]:
        """Rows that are alike, two or more each, copies among them; the largest group first."""
        return sorted(_several(self.groups.tolist()), key=lambda rows: (-len(rows), rows))

    def leaks(self, kept_apart: int) -> list[Leak]:
        """Posts that are alike with one of those kept apart, the most similar first.

        Args:
            kept_apart: The first of the texts that must be kept apart from those before it; they come last.
        """
        found = []
        for row in range(kept_apart):
            others = [(score, -other) for other, score in self._alike(row) if other >= kept_apart]
            if others:
                score, other = max(others)
                found.append(Leak(row, -other - kept_apart, score))
        return sorted(found, key=lambda leak: (-leak.similarity, leak.row))

    def _alike(self, row: int) -> Iterator[tuple[int, float]]:
        kind = self._kind_of[row]
        yield from ((other, 1.0) for other in self._kinds[kind] if other != row)
        for neighbour, score in self._neighbours[kind]:
            yield from ((other, score) for other in self._kinds[neighbour])

    def _verify(self, proposed: npt.NDArray[np.int64]) -> list[int]:
        """Keep the pairs that are alike indeed, and give the group of each kind of text by its first member."""
        roots = list(range(len(self._kinds)))

        def root(kind: int) -> int:
            while roots[kind] != kind:
                roots[kind] = roots[roots[kind]]
                kind = roots[kind]
            return kind

        for kinds in _several(proposed.tolist()):
            grams = {kind: shingles(self._texts[self._kinds[kind][0]]) for kind in kinds}
            for one, other in combinations(kinds, 2):
                score = len(grams[one] & grams[other]) / len(grams[one] | grams[other])
                if score >= self._similarity:
                    self._neighbours[one].append((other, score))
                    self._neighbours[other].append((one, score))
                    first, second = sorted((root(one), root(other)))
                    roots[second] = first
        return [root(kind) for kind in range(len(roots))]


def _by_shingles(texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
    """Rows with the same word 3-grams together: a bot's ten thousand posts are one kind, not fifty million pairs."""
    kinds: dict[frozenset[bytes], int] = {}
    rows: list[list[int]] = []
    kind_of = []
    for row, text in enumerate(texts):
        kind = kinds.setdefault(frozenset(shingles(text)), len(kinds))
        if kind == len(rows):
            rows.append([])
        rows[kind].append(row)
        kind_of.append(kind)
    return rows, kind_of


def _several(names: Iterable[object]) -> list[list[int]]:
    """The places of each name that comes more than once."""
    places: dict[object, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return [rows for rows in places.values() if len(rows) > 1]
