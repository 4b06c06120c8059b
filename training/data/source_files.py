"""Posts out of a public source's file: CSV, TSV, JSON or XLSX, also within a zip archive.

Knows nothing of labels, nor of where the file came from. The only file that knows openpyxl.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import openpyxl

from earshot.errors import EarshotError
from training.data.cleaning import clean, without_tags
from training.data.sources import ROW_NUMBER, Source

Cells = Sequence[object]


class SourceFileError(EarshotError):
    """A source's file is not what `sources.toml` says of it."""


def read_posts(path: Path, source: Source) -> Iterator[tuple[str, str]]:
    """Read the posts of one file.

    Args:
        path: The file.
        source: How it is to be read.

    Yields:
        The key and the cleaned text of each row; a key may come more than once.

    Raises:
        SourceFileError: The file is broken, or lacks a column.
    """
    try:
        content = _content(path, source)
        if source.format == "json":
            yield from _from_objects(json.loads(content), source)
        else:
            yield from _from_rows(_rows(content, source), source)
    except (csv.Error, ValueError, zipfile.BadZipFile, KeyError, OSError, TypeError) as error:
        raise SourceFileError(f"{path} is not readable as {source.format}: {error}") from error


def _content(path: Path, source: Source) -> bytes:
    """The file's bytes; out of the archive, where it is one."""
    content = path.read_bytes()
    if source.member is None or not _is_archive_of(content, source.member):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(_member(archive, source.member) or source.member)


def _is_archive_of(content: bytes, member: str) -> bool:
    """Whether it is an archive with that file; an .xlsx file is a zip archive too, but holds none."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _member(archive, member) is not None


def _member(archive: zipfile.ZipFile, name: str) -> str | None:
    return next((entry for entry in archive.namelist() if PurePosixPath(entry).name == name), None)


def _rows(content: bytes, source: Source) -> Iterator[Cells]:
    if source.format == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        yield from book.worksheets[0].iter_rows(values_only=True)
        return
    # A lone carriage return in an unquoted cell ends no row upstream, but would for Python's reader.
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", " ")
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    delimiter = "\t" if source.format == "tsv" else ","
    yield from (cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if cells)


def _from_rows(rows: Iterator[Cells], source: Source) -> Iterator[tuple[str, str]]:
    header = source.columns or tuple(str(cell) for cell in next(rows, ()))
    wanted = [_column(header, name) for name in source.text]
    key = None if source.key == ROW_NUMBER else _column(header, source.key)
    for number, cells in enumerate(rows):
        name = number if key is None else cells[key] if key < len(cells) else ""
        yield str(name), _text([cells[column] if column < len(cells) else None for column in wanted], source)


def _column(header: Sequence[str], name: str) -> int:
    try:
        return header.index(name)
    except ValueError:
        raise ValueError(f"no column '{name}', it has {', '.join(header)}") from None


def _from_objects(rows: object, source: Source) -> Iterator[tuple[str, str]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of objects")
    for number, row in enumerate(rows):
        name = number if source.key == ROW_NUMBER else row[source.key]
        yield str(name), _text([row[column] for column in source.text], source)


def _text(cells: Cells, source: Source) -> str:
    text = source.separator.join(str(cell) for cell in cells if cell is not None and str(cell).strip())
    return clean(without_tags(text) if source.has_tags else text)
