from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from earshot import DataError, Taxonomy
from earshot.records import LabelledPost, read_labelled, sha256_of

TAXONOMY = Taxonomy.default()
FULL: dict[str, Any] = {
    "id": 7,
    "text": "You took 14.99 twice",
    "category": "billing",
    "secondary": ["complaint", "billing", "complaint"],
    "urgency": "high",
    "ambiguous": True,
    "source": "made up",
}


def jsonl(folder: Path, *rows: object) -> Path:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def csv_file(folder: Path, content: str) -> Path:
    path = folder / "posts.csv"
    path.write_text(content, encoding="utf-8")
    return path


def refusal(path: Path, *, columns: dict[str, str] | None = None, skip_bad_rows: bool = False) -> str:
    with pytest.raises(DataError) as caught:
        read_labelled(path, TAXONOMY, columns=columns, skip_bad_rows=skip_bad_rows)
    return str(caught.value)


def test_a_post_comes_with_all_its_labels(tmp_path: Path) -> None:
    path = jsonl(tmp_path, FULL, {"text": "Lovely", "category": "praise"})
    data = read_labelled(path, TAXONOMY)
    assert data.posts == [
        LabelledPost(
            text="You took 14.99 twice",
            category="billing",
            urgency="high",
            secondary=("complaint",),
            ambiguous=True,
            id="7",
            row=1,
            fields={"source": "made up"},
        ),
        LabelledPost(text="Lovely", category="praise", row=2),
    ]
    assert (data.path, data.sha256, data.problems) == (path, sha256_of(path), [])


def test_csv_and_parquet_say_the_same_as_jsonl(tmp_path: Path) -> None:
    expected = read_labelled(jsonl(tmp_path, FULL), TAXONOMY).posts
    table = csv_file(
        tmp_path,
        "id,text,category,secondary,urgency,ambiguous,source\n"
        "7,You took 14.99 twice,billing,complaint; billing;complaint,high,true,made up\n",
    )
    assert read_labelled(table, TAXONOMY).posts == expected
    binary = tmp_path / "posts.parquet"
    pq.write_table(pa.Table.from_pylist([FULL]), binary)
    assert read_labelled(binary, TAXONOMY).posts == expected


def test_empty_cells_are_missing_values(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "text,category,secondary,urgency,ambiguous\nLovely,praise,,,\n")
    assert read_labelled(path, TAXONOMY).posts == [LabelledPost(text="Lovely", category="praise", row=1)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"text": None}, "row 2, column 'text': missing"),
        ({"text": 5}, "row 2, column 'text': not a string"),
        ({"text": "  "}, "row 2, column 'text': empty"),
        ({"category": None}, "row 2, column 'category': missing"),
        ({"category": ""}, "row 2, column 'category': missing"),
        ({"category": "Billing"}, "row 2, column 'category': unknown category 'Billing', expected one of complaint,"),
        ({"category": ["billing"]}, "row 2, column 'category': unknown category"),
        ({"secondary": 5}, "row 2, column 'secondary': neither a list nor a string separated by ';'"),
        ({"secondary": [5]}, "row 2, column 'secondary': neither a list nor a string separated by ';'"),
        ({"secondary": "praise; rage"}, "row 2, column 'secondary': unknown category 'rage'"),
        ({"urgency": "urgent"}, "row 2, column 'urgency': unknown urgency 'urgent', expected one of low,"),
        ({"ambiguous": "perhaps"}, "row 2, column 'ambiguous': neither true nor false"),
    ],
)
def test_an_unusable_row_is_named_with_row_and_column(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    message = refusal(jsonl(tmp_path, FULL, FULL | change))
    assert "1 unusable row(s)" in message
    assert problem in message
    assert "\n" not in message


def test_all_unusable_rows_are_named_in_order_and_each_counts_once(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"text": "", "category": "x"}, FULL, {"category": "praise"})
    with path.open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    message = refusal(path)
    assert "3 unusable row(s)" in message
    found = [message.index(place) for place in ("row 1, column 'text'", "row 1, column 'category'", "row 3", "row 4:")]
    assert found == sorted(found)


def test_bad_rows_can_be_left_out_and_are_told(tmp_path: Path) -> None:
    data = read_labelled(jsonl(tmp_path, {"text": "x"}, FULL, "no object"), TAXONOMY, skip_bad_rows=True)
    assert [post.row for post in data.posts] == [2]
    assert [problem.row for problem in data.problems] == [1, 3]


def test_a_file_without_one_usable_row_is_refused(tmp_path: Path) -> None:
    assert "holds no usable row: row 1" in refusal(jsonl(tmp_path, {"text": "a"} | {"category": 1}), skip_bad_rows=True)
    assert "holds no usable row" in refusal(jsonl(tmp_path))


def test_other_column_names_are_told_apart(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "body,label\nLovely,praise\n")
    data = read_labelled(path, TAXONOMY, columns={"text": "body", "category": "label"})
    assert data.posts == [LabelledPost(text="Lovely", category="praise", row=1)]
    assert "no column 'text', it has 'body', 'label'" in refusal(path)
    assert "no column 'category'" in refusal(path, columns={"text": "body"})
    assert "no column 'corpus'" in refusal(path, columns={"text": "corpus"})


def test_a_taxonomy_without_urgencies_reads_none(tmp_path: Path) -> None:
    taxonomy = TAXONOMY.model_copy(update={"urgencies": ()})
    (post,) = read_labelled(jsonl(tmp_path, FULL | {"urgency": "whatever"}), taxonomy).posts
    assert post.urgency is None


@pytest.mark.parametrize(("value", "flag"), [("Yes", True), ("1", True), (1, True), ("no", False), (0, False)])
def test_flags_are_read_in_the_words_that_files_use(tmp_path: Path, value: object, flag: bool) -> None:
    (post,) = read_labelled(jsonl(tmp_path, FULL | {"ambiguous": value}), TAXONOMY).posts
    assert post.ambiguous is flag
