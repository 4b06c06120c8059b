from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earshot import DataError, MissingExtraError, parquet
from earshot.tables import read_table


def content(table: parquet.ArrowTable) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def test_rows_come_with_plain_values_and_number(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"text": ["a", None], "labels": [["x"], []], "n": [1, 2]}), path)
    table = read_table(path)
    assert table.rows == [(1, {"text": "a", "labels": ["x"], "n": 1}), (2, {"text": None, "labels": [], "n": 2})]
    assert table.columns == ("text", "labels", "n")


def test_timestamps_as_pandas_writes_them_are_read() -> None:
    nanoseconds = pa.array([1_700_000_000_000_000_001, None], pa.timestamp("ns", "UTC"))
    rows = parquet.to_rows(pa.table({"at": nanoseconds}))
    assert rows == [{"at": datetime.fromtimestamp(1_700_000_000, UTC)}, {"at": None}]


@pytest.mark.parametrize("broken", [b"", b"PAR1", b"text\na\n", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_refused_by_name(broken: bytes) -> None:
    with pytest.raises(DataError, match=r"posts\.parquet is not readable as Parquet"):
        parquet.read(broken, "posts.parquet")


def test_a_file_with_spoiled_pages_is_refused() -> None:
    spoiled = bytearray(content(pa.table({"text": [f"some text {index}" for index in range(500)]})))
    spoiled[4:400] = bytes(396)
    with pytest.raises(DataError, match="is not readable as Parquet"):
        parquet.read(bytes(spoiled), "posts.parquet")


def test_added_columns_have_their_types_even_when_all_is_null(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    types: dict[str, parquet.ColumnType] = {
        "label": "string", "confidence": "number", "sure": "flag", "others": "strings", "scores": ("a", "b c")
    }  # fmt: skip
    parquet.write(path, pa.table({"text": ["x", "y"]}), [{}, {"scores": {"a": 1.0, "b c": 0.0}}], types)
    schema = pq.read_schema(path)
    assert {name: str(schema.field(name).type) for name in types} == {
        "label": "string",
        "confidence": "double",
        "sure": "bool",
        "others": "list<element: string>",
        "scores": "struct<a: double, b c: double>",
    }
    assert pq.read_table(path).to_pylist()[1]["scores"] == {"a": 1.0, "b c": 0.0}


def test_the_tables_own_columns_keep_types_and_metadata(tmp_path: Path) -> None:
    base = pa.table(
        {"n": pa.array([1, 2], pa.int16()), "at": pa.array([1, 2], pa.timestamp("ns")), "old": ["x", "y"]}
    ).replace_schema_metadata({"author": "somebody"})
    path = tmp_path / "out.parquet"
    parquet.write(path, base, [{"old": "new"}, {}], {"old": "string"})
    out = pq.read_table(path)
    assert out.schema.field("n").type == pa.int16()
    assert out.schema.field("at").type == pa.timestamp("ns")
    assert out.schema.metadata[b"author"] == b"somebody"
    assert out.column("old").to_pylist() == ["new", None]


def test_many_rows_go_through_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    parquet.write(
        path,
        pa.table({"n": list(range(10_000))}),
        ({"square": float(number**2)} for number in range(10_000)),
        {"square": "number"},
    )
    assert all(row["square"] == row["n"] ** 2 for row in pq.read_table(path).to_pylist())


def test_no_rows_make_a_file_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    parquet.write(path, parquet.from_columns({"text": []}), [], {"label": "string"})
    assert pq.read_table(path).to_pylist() == []
    assert pq.read_schema(path).names == ["text", "label"]


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([1, None, 2], [1, None, 2]),
        ([1, "two", None, [3]], ["1", "two", None, "[3]"]),
        (["half \ud83d", "whole"], ["half ?", "whole"]),
        ([10**30, 1], [str(10**30), "1"]),
        ([{"a": 1}, {"b": 2}], [{"a": 1, "b": None}, {"a": None, "b": 2}]),
    ],
)
def test_a_column_of_mixed_values_becomes_text(values: list[object], stored: list[object]) -> None:
    assert parquet.from_columns({"column": values}).column("column").to_pylist() == stored


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earshot\[parquet\]'"):
        parquet.require_pyarrow()
    with pytest.raises(MissingExtraError, match=r"pip install 'earshot\[parquet\]'"):
        read_table(io.BytesIO(b"PAR1"), kind="parquet")
