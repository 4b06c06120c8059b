"""Labelled posts from a data file, every row checked against the taxonomy. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from earshot.errors import DataError, RowProblem
from earshot.lazy_rows import Row
from earshot.tables import FORMATS, Table, format_of, read_table, require_columns, sha256_of, unusable_rows
from earshot.taxonomy import Taxonomy

__all__ = [
    "FORMATS",
    "LabelledData",
    "LabelledPost",
    "Row",
    "Table",
    "format_of",
    "read_labelled",
    "read_table",
    "require_columns",
    "sha256_of",
]


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """One post with the labels that a reader gave it.

    Attributes:
        text: The post.
        category: Its category.
        urgency: Its urgency; None where the file has none.
        secondary: Further categories.
        ambiguous: Whether two careful readers could well disagree.
        id: Its name in the file.
        row: Its row in the file.
        fields: The other columns, such as `source` and `channel`.
    """

    text: str
    category: str
    urgency: str | None = None
    secondary: tuple[str, ...] = ()
    ambiguous: bool = False
    id: str | None = None
    row: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelledData:
    """The usable posts of one file, and what was wrong with the others.

    Attributes:
        path: The file.
        sha256: Of the whole file.
        posts: The usable posts, in order.
        problems: The unusable rows.
    """

    path: Path
    sha256: str
    posts: list[LabelledPost]
    problems: list[RowProblem]


def read_labelled(
    path: Path, taxonomy: Taxonomy, *, columns: Mapping[str, str] | None = None, skip_bad_rows: bool = False
) -> LabelledData:
    """Read labelled posts and check every row against the taxonomy.

    Args:
        path: JSONL, CSV or Parquet with `text` and `category`; `urgency`, `secondary`, `ambiguous` and `id` are
            read where they are there.
        taxonomy: The labels that may occur.
        columns: Our name to the file's own name.
        skip_bad_rows: Leave unusable rows out instead of refusing the file.

    Raises:
        DataError: The file cannot be read, lacks a column, holds no usable row, or, without
            `skip_bad_rows`, holds unusable rows; all of them are named.
    """
    table = read_table(path, columns=columns)
    require_columns(table, ("text", "category"))
    posts: list[LabelledPost] = []
    problems = list(table.problems)
    for number, row in table.rows:
        found = list(_problems(number, row, taxonomy))
        problems.extend(found)
        if not found:
            posts.append(_labelled_post(number, row, taxonomy))
    problems.sort(key=lambda problem: problem.row)
    if problems and not skip_bad_rows:
        raise unusable_rows(str(path), problems)
    if not posts:
        raise DataError(f"{path} holds no usable row", problems)
    return LabelledData(path, table.sha256, posts, problems)


def _secondary(value: object) -> list[str] | None:
    """Secondary labels as a list; None when the value is neither a list of strings nor a string."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return value
    return None


_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


def _flag(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return bool(value)
    word = str(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _problems(number: int, row: Row, taxonomy: Taxonomy) -> Iterator[RowProblem]:
    text = row.get("text")
    if not isinstance(text, str):
        yield RowProblem(number, "text", "missing" if text is None else "not a string")
    elif not text.strip():
        yield RowProblem(number, "text", "empty")
    known = taxonomy.category_names
    category = row.get("category")
    if category not in known:
        yield RowProblem(number, "category", _unknown("category", category, known))
    secondary = _secondary(row.get("secondary"))
    if secondary is None:
        yield RowProblem(number, "secondary", "neither a list nor a string separated by ';'")
    else:
        for label in secondary:
            if label not in known:
                yield RowProblem(number, "secondary", _unknown("category", label, known))
    urgency = row.get("urgency")
    if taxonomy.urgencies and urgency not in (None, "") and urgency not in taxonomy.urgency_names:
        yield RowProblem(number, "urgency", _unknown("urgency", urgency, taxonomy.urgency_names))
    if _flag(row.get("ambiguous")) is None:
        yield RowProblem(number, "ambiguous", "neither true nor false")


def _unknown(kind: str, value: object, known: tuple[str, ...]) -> str:
    if value is None or value == "":
        return "missing"
    shown = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
    return f"unknown {kind} {str(value)[:60]!r}, expected one of {shown}"


def _labelled_post(number: int, row: Row, taxonomy: Taxonomy) -> LabelledPost:
    own = ("text", "category", "urgency", "secondary", "ambiguous", "id")
    secondary = dict.fromkeys(label for label in _secondary(row.get("secondary")) or [] if label != row["category"])
    return LabelledPost(
        text=row["text"],
        category=row["category"],
        urgency=(row.get("urgency") or None) if taxonomy.urgencies else None,
        secondary=tuple(secondary),
        ambiguous=bool(_flag(row.get("ambiguous"))),
        id=None if row.get("id") is None else str(row["id"]),
        row=number,
        fields={name: value for name, value in row.items() if name not in own},
    )
