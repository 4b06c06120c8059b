"""Labelled posts as what the losses need: normalized texts and label indices. Knows nothing of tokens or networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earshot.bundle import TrainingData
from earshot.normalization import normalize
from earshot.records import LabelledPost, read_labelled
from earshot.taxonomy import Taxonomy

NO_URGENCY = -1
"""Stands for the urgency of a post whose file says none; the urgency loss passes it over."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Posts and their labels, by index.

    Attributes:
        texts: Normalized texts.
        category: `[posts]`, index of the category.
        passing: `[posts, categories]`, 1.0 where the category or a secondary one passes, the out-of-scope class never.
        urgency: `[posts]`, index of the urgency or `NO_URGENCY`.
        ambiguous: `[posts]`, whether two careful readers could well disagree.
    """

    texts: list[str]
    category: npt.NDArray[np.int64]
    passing: npt.NDArray[np.float32]
    urgency: npt.NDArray[np.int64]
    ambiguous: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: npt.NDArray[np.int64]) -> Dataset:
        """The posts of these rows, in their order."""
        return Dataset(
            texts=[self.texts[row] for row in rows],
            category=self.category[rows],
            passing=self.passing[rows],
            urgency=self.urgency[rows],
            ambiguous=self.ambiguous[rows],
        )

    @classmethod
    def from_posts(cls, posts: Sequence[LabelledPost], taxonomy: Taxonomy) -> Dataset:
        """Index labelled posts.

        Args:
            posts: At least one.
            taxonomy: Gives the indices; holds every label of the posts.
        """
        categories = {name: index for index, name in enumerate(taxonomy.category_names)}
        urgencies = {name: index for index, name in enumerate(taxonomy.urgency_names)}
        passing = np.zeros((len(posts), len(categories)), np.float32)
        for row, post in enumerate(posts):
            for name in (post.category, *post.secondary):
                if name != taxonomy.out_of_scope:
                    passing[row, categories[name]] = 1.0
        return cls(
            texts=[normalize(post.text) for post in posts],
            category=np.array([categories[post.category] for post in posts], np.int64),
            passing=passing,
            urgency=np.array(
                [NO_URGENCY if post.urgency is None else urgencies[post.urgency] for post in posts], np.int64
            ),
            ambiguous=np.array([post.ambiguous for post in posts], np.bool_),
        )


def load_dataset(
    files: Sequence[Path],
    taxonomy: Taxonomy,
    *,
    columns: Mapping[str, str] | None = None,
    skip_bad_rows: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Dataset, tuple[TrainingData, ...]]:
    """Read labelled files.

    Args:
        files: JSONL, CSV or Parquet.
        taxonomy: The labels that may occur.
        columns: Our name of a column to the files' own name.
        skip_bad_rows: Leave unusable rows out, and count them.
        say: Told of each row that is left out, a line at a time.

    Returns:
        All posts, and for the manifest what each file held.

    Raises:
        DataError: A file or some of its rows cannot be used.
    """
    posts: list[LabelledPost] = []
    sources: list[TrainingData] = []
    for path in files:
        data = read_labelled(path, taxonomy, columns=columns, skip_bad_rows=skip_bad_rows)
        licences = Counter(str(post.fields.get("licence") or "not stated") for post in data.posts)
        posts += data.posts
        for problem in data.problems:
            say(f"left out: {path.name}, {problem}")
        sources.append(
            TrainingData(
                name=path.name,
                sha256=data.sha256,
                rows=len(data.posts),
                skipped_rows=len({problem.row for problem in data.problems}),
                licences=dict(sorted(licences.items())),
            )
        )
    return Dataset.from_posts(posts, taxonomy), tuple(sources)
