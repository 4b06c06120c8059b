"""Rows of posts in JSONL, CSV and Parquet files, read with every unusable row named. Knows nothing of models."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from earshot.errors import DataError, MissingExtraError, RowProblem
from earshot.taxonomy import Taxonomy

Row = dict[str, Any]
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def format_of(path: Path) -> str:
    """The format of a file, by its ending.

    Raises:
        DataError: The ending is not one of `FORMATS`.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown ending '{path.suffix}', expected one of {', '.join(FORMATS)}") from None


def sha256_of(path: Path) -> str:
    """Hash a whole file, hexadecimal.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Table:
    """The readable rows of one file.

    Attributes:
        name: What to call the file in messages.
        rows: `(row number, row)` of each readable row; row numbers as in `RowProblem`.
        problems: The unreadable ones.
        columns: Column names, in order of appearance.
    """

    name: str
    rows: list[tuple[int, Row]]
    problems: list[RowProblem]
    columns: tuple[str, ...]


def read_table(source: Path | BinaryIO, *, columns: Mapping[str, str] | None = None, kind: str | None = None) -> Table:
    """Read a file of rows.

    Args:
        source: A file, or a binary stream such as standard input.
        columns: Our name to the file's own name, such as `{"text": "body"}`.
        kind: `jsonl`, `csv` or `parquet`; by default told by the file's ending, JSONL for a stream.

    Raises:
        DataError: The file cannot be read at all, or a renamed column is missing.
        MissingExtraError: Parquet without pyarrow.
    """
    name = str(source) if isinstance(source, Path) else "standard input"
    try:
        content = source.read_bytes() if isinstance(source, Path) else source.read()
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}") from error
    kind = kind or (format_of(source) if isinstance(source, Path) else "jsonl")
    rows: list[tuple[int, Row]] = []
    problems: list[RowProblem] = []
    readers = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet}
    for number, row in readers[kind](content, name):
        if isinstance(row, str):
            problems.append(RowProblem(number, None, row))
        else:
            rows.append((number, row))
    found = tuple(dict.fromkeys(column for _, row in rows for column in row))
    for ours, theirs in (columns or {}).items():
        if rows and theirs not in found:
            raise DataError(f"{name} has no column '{theirs}' (asked for as '{ours}'); it has {_list(found)}")
    if columns:
        rows = [(number, _rename(row, columns)) for number, row in rows]
        found = tuple(dict.fromkeys(column for _, row in rows for column in row))
    return Table(name, rows, problems, found)


def require_columns(table: Table, names: Iterable[str]) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DataError: It does; the message names the columns that it has.
    """
    for name in names:
        if table.rows and name not in table.columns:
            raise DataError(
                f"{table.name} has no column '{name}'; it has {_list(table.columns)}. "
                f"If it is called otherwise: --column {name}=ITS_NAME"
            )


def _list(columns: Iterable[str]) -> str:
    return ", ".join(f"'{column}'" for column in columns) or "none"


def _rename(row: Row, columns: Mapping[str, str]) -> Row:
    ours = {theirs: name for name, theirs in columns.items()}
    kept = {name: value for name, value in row.items() if name not in columns}
    return {ours.get(name, name): value for name, value in kept.items()}


def _read_jsonl(content: bytes, _name: str) -> Iterator[tuple[int, Row | str]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            yield number, f"not UTF-8 at byte {error.start}"
        except ValueError as error:
            yield number, f"not JSON: {error}"
        else:
            yield number, row if isinstance(row, dict) else "not a JSON object"


def _read_csv(content: bytes, name: str) -> Iterator[tuple[int, Row | str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise DataError(f"{name}: a column name stands twice in the header: {_list(header)}")
        for number, cells in enumerate(reader, start=1):
            if not cells:
                continue
            if len(cells) == len(header):
                yield number, dict(zip(header, cells, strict=True))
            else:
                yield number, f"{len(cells)} cells where the header has {len(header)}"
    except csv.Error as error:
        # After a broken quote nothing that follows can be told apart any more.
        yield number + 1, f"not CSV from here on: {error}"


def _read_parquet(content: bytes, name: str) -> Iterator[tuple[int, Row | str]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "parquet") from error
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except pyarrow.ArrowException as error:
        raise DataError(f"{name} is not Parquet: {error}") from error
    yield from enumerate(table.to_pylist(), start=1)


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
        count = len({problem.row for problem in problems})
        raise DataError(
            f"{path}: {count} unusable row(s) (correct them, or go on without them by --skip-bad-rows)",
            problems,
        )
    if not posts:
        raise DataError(f"{path} holds no usable row", problems)
    return LabelledData(path, sha256_of(path), posts, problems)


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
