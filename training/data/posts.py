"""The posts that are checked: every usable row of every file, and each unusable one by row and column.

Knows nothing of what is looked for in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earshot.errors import RowProblem
from earshot.normalization import normalize
from earshot.records import LabelledPost, read_labelled
from earshot.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class CheckedPost:
    """One usable row.

    Attributes:
        file: The file that it is from, as it was named.
        labelled: The row.
        text: What a model would read of it, normalized.
    """

    file: str
    labelled: LabelledPost
    text: str

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{Path(self.file).name}, row {self.labelled.row}"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file.

    Attributes:
        name: As it was named.
        sha256: Of the whole file.
        usable: How many of its rows can be used.
        problems: What is wrong with the others.
    """

    name: str
    sha256: str
    usable: int
    problems: tuple[RowProblem, ...]


def read_checked(
    files: Sequence[Path], taxonomy: Taxonomy, columns: Mapping[str, str] | None = None
) -> tuple[list[CheckedPost], list[CheckedFile]]:
    """Read labelled files, and go on past every unusable row.

    Args:
        files: JSONL, CSV or Parquet.
        taxonomy: The labels that may occur.
        columns: Our name of a column to the files' own name.

    Raises:
        DataError: A file cannot be read, lacks a column, or holds no usable row at all.
    """
    posts: list[CheckedPost] = []
    read = []
    for path in files:
        data = read_labelled(path, taxonomy, columns=columns, skip_bad_rows=True)
        posts += [CheckedPost(str(path), post, normalize(post.text)) for post in data.posts]
        read.append(CheckedFile(str(path), data.sha256, len(data.posts), tuple(data.problems)))
    return posts, read
