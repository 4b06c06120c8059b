"""Rows in JSONL, CSV and Parquet files: read with every unusable row named, and written again.

Knows nothing of labels or models.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import BinaryIO

from earshot import parquet
from earshot.errors import DataError, RowProblem
from earshot.lazy_rows import LazyRows, NumberedRow, Row

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_BOM = b"\xef\xbb\xbf"


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


@dataclass(slots=True)
class Table:
    """The readable rows of one file.

    Attributes:
        name: What to call the file in messages.
        rows: `(row number, row)` of each readable row; row numbers as in `RowProblem`.
        problems: The unreadable ones.
        columns: Column names, in order of appearance.
        sha256: Of the file's content, hexadecimal.
        arrow: A Parquet file's content with its own types and column names; None for other formats.
    """

    name: str
    rows: Sequence[NumberedRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    sha256: str = ""
    arrow: parquet.ArrowTable | None = None


def read_table(
    source: Path | BinaryIO, *, columns: Mapping[str, str] | None = None, kind: str | None = None, lazily: bool = False
) -> Table:
    """Read a file of rows.

    Args:
        source: A file, or a binary stream such as standard input.
        columns: Our name to the file's own name, such as `{"text": "body"}`.
        kind: `jsonl`, `csv`, `parquet`, or `text` for lines that are posts themselves; by default told by the
            file's ending, JSONL for a stream.
        lazily: Keep JSONL rows where they are and parse them again when they are asked for (`LazyRows`).

    Raises:
        DataError: The file cannot be read at all, or a renamed column is missing.
        MissingExtraError: Parquet without pyarrow.
    """
    name = str(source) if isinstance(source, Path) else "standard input"
    kind = kind or (format_of(source) if isinstance(source, Path) else "jsonl")
    try:
        if kind == "jsonl":
            with _seekable(source) as file:
                table = _read_jsonl(file, name)
            table.rows = table.rows if lazily else list(table.rows)
        else:
            content = source.read_bytes() if isinstance(source, Path) else source.read()
            table = Table(name, sha256=hashlib.sha256(content).hexdigest())
            _READERS[kind](content, table)
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}") from error
    if columns:
        require_columns(table, columns.values(), asked_for=True)
        ours = {theirs: name for name, theirs in columns.items()}
        if len(ours) < len(columns):
            raise DataError(f"one column of {name} is asked for under two names: {_list(columns)}")
        table.rows = [(number, _rename(row, ours)) for number, row in table.rows]
        table.columns = tuple(_rename(dict.fromkeys(table.columns), ours))
    return table


def require_columns(table: Table, names: Iterable[str], *, asked_for: bool = False) -> None:
    """Refuse a table that lacks a column.

    Args:
        table: The table; one whose columns nobody can tell, because no row is readable, passes.
        names: The columns.
        asked_for: Whether somebody named them by `--column`.

    Raises:
        DataError: It does; the message names the columns that it has.
    """
    for name in names:
        if table.columns and name not in table.columns:
            advice = f": correct --column …={name}" if asked_for else f". If it is called otherwise: --column {name}=…"
            raise DataError(f"{table.name} has no column '{name}', it has {_list(table.columns)}{advice}")


def unusable_rows(name: str, problems: Sequence[RowProblem]) -> DataError:
    """The error that refuses a file for some of its rows.

    Args:
        name: What to call the file.
        problems: What is wrong with them.
    """
    count = len({problem.row for problem in problems})
    return DataError(
        f"{name}: {count} unusable row(s) (correct them, or go on without them by --skip-bad-rows)", problems
    )


def write_rows(stream: BinaryIO, kind: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows as they come.

    Args:
        stream: Where to.
        kind: `jsonl`, where every row has its own keys, or `csv`, where a missing value is an empty cell.
        columns: The header of a CSV file.
        rows: The rows.
    """
    if kind == "jsonl":
        for row in rows:
            stream.write(_json_line(row))
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])
    finally:
        text.detach()  # or the wrapper would close a stream that is not ours


def _json_line(row: Row) -> bytes:
    try:
        return (json.dumps(row, ensure_ascii=False, default=_plain) + "\n").encode()
    except UnicodeEncodeError:  # half an emoji: as the escape sequence that it came as
        return (json.dumps(row, default=_plain) + "\n").encode()


def _cell(value: object) -> object:
    """A CSV cell: labels separated by `;` as in labelled data, anything else that is not flat as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(part, str) and ";" not in part for part in value):
        return ";".join(value)
    if isinstance(value, bool | int | float | dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return _plain(value)


def _plain(value: object) -> str:
    """What JSON has no word for, as Parquet may hold it."""
    if isinstance(value, date | time):
        return value.isoformat()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _list(columns: Iterable[str]) -> str:
    return ", ".join(f"'{column}'" for column in columns) or "none"


def _rename(row: Row, ours: Mapping[str, str]) -> Row:
    """Give columns our names; a column of the file that had such a name makes room."""
    taken = set(ours.values()) - set(ours)
    return {ours.get(name, name): value for name, value in row.items() if name not in taken}


@contextmanager
def _seekable(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    """A file that can be read again; a stream is copied into a temporary one."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        yield copy


def _read_jsonl(file: BinaryIO, name: str) -> Table:
    rows, digest, offset = LazyRows(file), hashlib.sha256(), 0
    table = Table(name, rows)
    columns: dict[str, None] = {}
    for number, line in enumerate(file, start=1):
        digest.update(line)
        skipped = len(_BOM) if number == 1 and line.startswith(_BOM) else 0
        row = _json_object(line[skipped:].rstrip(b"\n"), number, table.problems)
        if row is not None:
            rows.add(number, offset + skipped, len(line) - skipped)
            columns |= dict.fromkeys(row)
        offset += len(line)
    table.columns, table.sha256 = tuple(columns), digest.hexdigest()
    return table


def _json_object(line: bytes, number: int, problems: list[RowProblem]) -> Row | None:
    """The object on a line; None where there is none, and unless the line is empty one more problem."""
    if not line.strip():
        return None
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start + 1}"
    except json.JSONDecodeError as error:
        problem = f"not JSON at character {error.pos + 1}: {error.msg}"
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a thousand brackets
        problem = f"not usable as JSON: {error}"
    else:
        if isinstance(row, dict):
            return row
        problem = "not a JSON object"
    problems.append(RowProblem(number, None, problem))
    return None


def _read_lines(content: bytes, table: Table) -> None:
    rows: list[NumberedRow] = []
    table.columns, table.rows = ("text",), rows
    for number, line in enumerate(content.removeprefix(_BOM).split(b"\n"), start=1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            table.problems.append(RowProblem(number, None, f"not UTF-8 at byte {error.start + 1}"))
        else:
            if text:
                rows.append((number, {"text": text}))


def _read_csv(content: bytes, table: Table) -> None:
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{table.name} is not UTF-8 in line {line}: save it as UTF-8") from error
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # its default breaks off at 131,072 characters
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    rows: list[NumberedRow] = []
    table.rows = rows
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise DataError(f"{table.name}: a column name stands twice in the header: {_list(header)}")
        table.columns = tuple(header)
        for cells in reader:
            if not cells:
                continue
            number += 1
            if len(cells) == len(header):
                rows.append((number, dict(zip(header, cells, strict=True))))
            else:
                problem = f"{len(cells)} cells where the header has {len(header)}"
                table.problems.append(RowProblem(number, _first_ragged(header, cells), problem))
    except csv.Error as error:
        # After a broken quote nothing that follows can be told apart any more.
        table.problems.append(RowProblem(number + 1, None, f"not CSV from here on: {error}"))


def _first_ragged(header: Sequence[str], cells: Sequence[str]) -> str | None:
    """The first column that a row has no cell for; None for a row with too many."""
    return header[len(cells)] if len(cells) < len(header) else None


def _read_parquet(content: bytes, table: Table) -> None:
    table.arrow = parquet.read(content, table.name)
    table.columns = tuple(table.arrow.column_names)
    table.rows = list(enumerate(parquet.to_rows(table.arrow), start=1))


_READERS = {"csv": _read_csv, "parquet": _read_parquet, "text": _read_lines}
