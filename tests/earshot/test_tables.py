from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import DataError
from earshot.tables import Table, format_of, read_table, require_columns, sha256_of, unusable_rows, write_rows

BOM = "\ufeff"


def read(content: str | bytes, kind: str, **columns: str) -> Table:
    raw = content if isinstance(content, bytes) else content.encode()
    return read_table(io.BytesIO(raw), kind=kind, columns=columns)


def problems(table: Table) -> list[str]:
    return [str(problem) for problem in table.problems]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jsonl", "jsonl"), ("a.NDJSON", "jsonl"), ("a.b.csv", "csv"), ("a.parquet", "parquet")]
)
def test_the_ending_tells_the_format(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.json"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(DataError, match=r"unknown ending .*\.jsonl, \.ndjson, \.csv, \.parquet"):
        format_of(Path(name))


def test_jsonl_rows_are_numbered_by_line() -> None:
    table = read('{"text": "a", "id": 7}\n\n  \n{"text": "b", "more": [1]}\r\n', "jsonl")
    assert table.rows == [(1, {"text": "a", "id": 7}), (4, {"text": "b", "more": [1]})]
    assert (table.columns, table.problems) == (("text", "id", "more"), [])


def test_csv_rows_are_numbered_without_header_and_blank_lines() -> None:
    table = read('text,id\n"two\nlines, and a ""quote""",1\n\nb,2\n', "csv")
    assert table.rows == [(1, {"text": 'two\nlines, and a "quote"', "id": "1"}), (2, {"text": "b", "id": "2"})]
    assert (table.columns, table.problems) == (("text", "id"), [])


def test_every_line_of_a_text_file_is_a_post() -> None:
    table = read(f"{BOM}one\n\n two \r\nthree", "text")
    assert table.rows == [(1, {"text": "one"}), (3, {"text": "two"}), (4, {"text": "three"})]


@pytest.mark.parametrize(("content", "kind"), [('{"text": "a"}', "jsonl"), ("text\na\n", "csv"), ("a\n", "text")])
def test_a_byte_order_mark_is_no_part_of_the_data(content: str, kind: str) -> None:
    assert read(BOM + content, kind).rows == [(1, {"text": "a"})]


def test_a_byte_order_mark_may_stand_alone_in_the_first_line() -> None:
    assert read(f'{BOM}\n{{"text": "a"}}', "jsonl").rows == [(2, {"text": "a"})]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "text"])
def test_an_empty_file_has_no_rows(kind: str) -> None:
    table = read("", kind)
    assert (table.rows, table.problems) == ([], [])


def test_a_csv_header_alone_still_has_columns() -> None:
    assert read("text,id\n", "csv").columns == ("text", "id")


def test_every_broken_jsonl_line_is_named_and_the_others_stay() -> None:
    lines = [b'{"text": "a"}', b"{broken", b'"text"', b'{"text": "\xff"}', b"[" * 100_000, b'{"text": "b"}']
    table = read(b"\n".join(lines), "jsonl")
    assert [number for number, _ in table.rows] == [1, 6]
    assert problems(table)[:3] == [
        "row 2: not JSON at character 2: Expecting property name enclosed in double quotes",
        "row 3: not a JSON object",
        "row 4: not UTF-8 at byte 11",
    ]
    assert problems(table)[3].startswith("row 5: not usable as JSON")


def test_ragged_csv_rows_are_named_with_the_first_missing_column() -> None:
    table = read("text,id,channel\na,1,x\nb,2\nc,3,y,z\nd,4,w\n", "csv")
    assert [number for number, _ in table.rows] == [1, 4]
    assert problems(table) == [
        "row 2, column 'channel': 2 cells where the header has 3",
        "row 3: 4 cells where the header has 3",
    ]


def test_after_a_broken_quote_a_csv_file_cannot_be_read_on() -> None:
    table = read('text,id\na,1\n"b"x,2\nc,3\n', "csv")
    assert [number for number, _ in table.rows] == [1]
    assert problems(table) == ["row 2: not CSV from here on: ',' expected after '\"'"]


def test_a_very_long_cell_is_a_cell() -> None:
    assert read(f"text\n{'x' * 200_000}\n", "csv").rows == [(1, {"text": "x" * 200_000})]


def test_a_csv_file_in_another_encoding_is_refused_by_line() -> None:
    with pytest.raises(DataError, match="standard input is not UTF-8 in line 3: save it as UTF-8"):
        read(b"text\nok\ncaf\xe9\n", "csv")


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(DataError, match="stands twice in the header: 'text', 'text'"):
        read("text,text\na,b\n", "csv")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    for read_it in (read_table, sha256_of):
        with pytest.raises(DataError, match=r"cannot read .*nowhere\.csv: No such file"):
            read_it(tmp_path / "nowhere.csv")


def test_a_file_is_named_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"text": "a"}\n')
    table = read_table(path)
    assert (table.name, table.sha256) == (str(path), sha256_of(path))
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_column_gets_our_name_and_one_that_had_it_makes_room() -> None:
    table = read("body,text,id\nthe post,something else,1\n", "csv", text="body")
    assert table.rows == [(1, {"text": "the post", "id": "1"})]
    assert table.columns == ("text", "id")


def test_two_columns_may_change_places() -> None:
    assert read("a,b\n1,2\n", "csv", a="b", b="a").rows == [(1, {"b": "1", "a": "2"})]


def test_a_renamed_column_that_is_missing_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(DataError, match=r"has no column 'corpus', it has 'text', 'id': correct --column …=corpus"):
        read("text,id\n", "csv", text="corpus")


def test_one_column_cannot_have_two_names() -> None:
    with pytest.raises(DataError, match="asked for under two names: 'text', 'id'"):
        read("body\na\n", "csv", text="body", id="body")


def test_a_missing_column_is_refused_with_the_way_to_rename() -> None:
    with pytest.raises(DataError, match=r"has no column 'text', it has 'body'. If .*: --column text=…"):
        require_columns(read('{"body": "a"}', "jsonl"), ["text"])
    require_columns(read("{broken", "jsonl"), ["text"])


def test_the_refusal_of_rows_counts_each_once() -> None:
    error = unusable_rows("posts.csv", read("a,b\n1\n2\n", "csv").problems)
    assert str(error).startswith("posts.csv: 2 unusable row(s) (correct them, or go on without them by --skip-bad-rows")
    assert "row 1, column 'b'" in str(error)


def written(kind: str, columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    write_rows(stream, kind, columns, rows)
    return stream.getvalue()


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))


@given(st.lists(st.fixed_dictionaries({"text": CELLS, "id": CELLS})))
def test_csv_comes_back_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    table = read(written("csv", ["text", "id"], rows), "csv")
    assert [row for _, row in table.rows] == rows
    assert table.problems == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4)))
def test_jsonl_comes_back_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    content = written("jsonl", [], rows)
    content.decode()
    assert [row for _, row in read(content, "jsonl").rows] == rows


def test_half_an_emoji_is_written_as_an_escape_in_jsonl_and_a_question_mark_in_csv() -> None:
    rows = [{"text": "half \ud83d"}]
    assert written("jsonl", [], rows) == b'{"text": "half \\ud83d"}\n'
    assert written("csv", ["text"], rows) == b"text\nhalf ?\n"


def test_what_is_not_flat_goes_into_a_cell_as_labelled_data_have_it() -> None:
    row = {
        "labels": ["billing", "praise"],
        "none": None,
        "empty": [],
        "flag": True,
        "number": 0.5,
        "scores": {"a": 1},
        "mixed": ["a;b", 1],
        "when": datetime(2026, 1, 2, 3, tzinfo=UTC),
    }
    (line,) = csv.reader(io.StringIO(written("csv", list(row), [row]).decode().splitlines()[1]))
    assert line == [
        "billing;praise", "", "", "true", "0.5", '{"a": 1}', '["a;b", 1]', "2026-01-02T03:00:00+00:00",
    ]  # fmt: skip


def test_values_that_json_has_no_word_for_become_strings() -> None:
    row = {"day": date(2026, 1, 2), "raw": b"caf\xc3\xa9", "sum": Decimal("1.50")}
    assert json.loads(written("jsonl", [], [row])) == {"day": "2026-01-02", "raw": "café", "sum": "1.50"}


def test_the_stream_stays_open() -> None:
    stream = io.BytesIO()
    write_rows(stream, "csv", ["a"], [])
    assert stream.getvalue() == b"a\n"
