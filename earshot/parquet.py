"""Parquet through pyarrow, the optional library that only this file knows. Knows nothing of posts.

pyarrow has no annotations; its tables pass through here and are opaque to everybody else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from earshot.errors import DataError, MissingExtraError

ArrowTable = Any
_ArrowArray = Any
_ArrowType = Any
ColumnType = Literal["string", "number", "flag", "strings"] | tuple[str, ...]
"""Of one added column: a text, a number, true or false, a list of texts, or a number under each of these names."""

_ROWS_A_GROUP = 4096


def _pyarrow() -> ModuleType:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error
    module: ModuleType = pyarrow
    return module


def require_pyarrow() -> None:
    """Find out early whether Parquet can be read and written.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    _pyarrow()


def read(content: bytes, name: str) -> ArrowTable:
    """Read a Parquet file's content.

    Args:
        content: The whole file.
        name: What to call it in messages.

    Raises:
        DataError: It is not Parquet, or broken.
        MissingExtraError: pyarrow is not installed.
    """
    pyarrow = _pyarrow()
    try:
        return pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:  # a file that breaks off in its middle is an OSError
        raise DataError(f"{name} is not readable as Parquet: {error}") from error


def to_rows(table: ArrowTable) -> list[dict[str, Any]]:
    """The rows of a table, with plain Python values."""
    pyarrow = _pyarrow()
    for index, column in enumerate(table.schema):
        # Python's datetime has no nanoseconds, as whose count pandas stores every timestamp.
        if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            coarser = table.column(index).cast(pyarrow.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(index, column.name, coarser)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def from_columns(columns: Mapping[str, Sequence[object]]) -> ArrowTable:
    """A table of plain Python values; a column without a type of its own becomes JSON.

    Args:
        columns: The values of each column, all equally many.
    """
    pyarrow = _pyarrow()

    def array(values: Sequence[object]) -> _ArrowArray:
        try:
            return pyarrow.array(values)
        except (pyarrow.ArrowException, UnicodeError, OverflowError):  # numbers among texts, half an emoji
            return pyarrow.array([_as_json(value) for value in values], pyarrow.string())

    return pyarrow.table({name: array(values) for name, values in columns.items()})


def _as_json(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode("utf-8", "replace").decode()
    return json.dumps(value, default=str)


def write(
    path: Path,
    base: ArrowTable,
    added: Iterable[Mapping[str, object]],
    types: Mapping[str, ColumnType],
) -> None:
    """Write a table with columns added to it, a few thousand rows at a time.

    Args:
        path: Where to.
        base: The table.
        added: For each of its rows, the values of the added columns; what a row lacks is null.
        types: The added columns, in order.
    """
    pyarrow = _pyarrow()
    kept = [name for name in base.column_names if name not in types]
    base = base.select(kept)
    fields = [pyarrow.field(name, _arrow_type(kind)) for name, kind in types.items()]
    schema = pyarrow.schema([*base.schema, *fields], metadata=base.schema.metadata)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        start = 0
        for rows in _groups(added):
            group = base.slice(start, len(rows))
            for field in fields:
                group = group.append_column(field, pyarrow.array([row.get(field.name) for row in rows], field.type))
            writer.write_table(group.cast(schema))
            start += len(rows)


def _groups(rows: Iterable[Mapping[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    remaining = iter(rows)
    while group := list(islice(remaining, _ROWS_A_GROUP)):
        yield group


def _arrow_type(kind: ColumnType) -> _ArrowType:
    pyarrow = _pyarrow()
    if isinstance(kind, tuple):
        return pyarrow.struct([(name, pyarrow.float64()) for name in kind])
    return {
        "string": pyarrow.string(),
        "number": pyarrow.float64(),
        "flag": pyarrow.bool_(),
        "strings": pyarrow.list_(pyarrow.string()),
    }[kind]
