from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from earshot.errors import DataError
from earshot.taxonomy import Taxonomy
from tests.training.conftest import AUTHORED
from training.data.loading import load_posts, stream_posts

TAXONOMY = Taxonomy.default()
ROWS: list[dict[str, Any]] = [
    {"text": "Refund me!", "category": "billing", "secondary": ["complaint"], "urgency": "high", "ambiguous": True},
    {"text": "nan", "category": "none", "secondary": [], "urgency": None, "ambiguous": False},
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sets are kept in the test's own folder, and no progress bar is drawn."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def _write(folder: Path, kind: str) -> Path:
    path = folder / f"posts.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "csv":
        cells = [[str(row["text"]), row["category"], ";".join(row["secondary"]), row["urgency"] or ""] for row in ROWS]
        flags = [str(row["ambiguous"]).lower() for row in ROWS]
        lines = [",".join([*line, flag]) for line, flag in zip(cells, flags, strict=True)]
        path.write_text("text,category,secondary,urgency,ambiguous\n" + "\n".join(lines) + "\n")
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_every_format_gives_the_same_set_loaded_or_streamed(kind: str, tmp_path: Path) -> None:
    path = _write(tmp_path, kind)
    loaded = list(load_posts([path], TAXONOMY))
    assert loaded == list(stream_posts([path], TAXONOMY))
    names, levels = TAXONOMY.category_names, TAXONOMY.urgency_names
    assert loaded == [
        {
            "text": row["text"],
            "category": names.index(row["category"]),
            "secondary": [names.index(label) for label in row["secondary"]],
            "ambiguous": row["ambiguous"],
            "urgency": None if row["urgency"] is None else levels.index(row["urgency"]),
        }
        for row in ROWS
    ]


def test_a_label_is_its_place_in_the_taxonomy() -> None:
    posts = load_posts([AUTHORED], TAXONOMY)
    assert len(posts) == 3200
    assert posts.features["category"].names == list(TAXONOMY.category_names)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = _write(tmp_path, "jsonl")
    assert len(load_posts([path], TAXONOMY)) == 2
    path.write_text(json.dumps(ROWS[0]) + "\n")
    assert len(load_posts([path], TAXONOMY)) == 1


def test_a_stream_reads_no_further_than_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(ROWS[0]) + "\n" for _ in range(5000)) + "broken\n")
    assert len(list(islice(stream_posts([path], TAXONOMY), 10))) == 10
    with pytest.raises(DataError, match="cannot be read"):
        list(stream_posts([path], TAXONOMY))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": " "}, "row 2, column 'text'"),
        ({"category": "leek"}, "row 2, column 'category': unknown label 'leek'"),
        ({"urgency": "asap"}, "row 2, column 'urgency'"),
        ({"secondary": ["leek"]}, "row 2, column 'secondary'"),
    ],
)
@pytest.mark.parametrize("load", [load_posts, stream_posts])
def test_a_bad_row_is_named(load: Any, changes: dict[str, Any], said: str, tmp_path: Path) -> None:  # noqa: ANN401
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROWS[0], ROWS[0] | changes)))
    with pytest.raises(DataError, match=said):
        list(load([path], TAXONOMY))


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text("\n5\n")
    with pytest.raises(DataError, match="row 2: not a JSON object"):
        list(stream_posts([path], TAXONOMY))


def test_other_column_names_and_no_urgencies(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("body,label\nit rains,rain\nhot,sun\n")
    taxonomy = Taxonomy.model_validate({"name": "weather", "categories": [{"name": "rain"}, {"name": "sun"}]})
    posts = list(stream_posts([path], taxonomy, columns={"text": "body", "category": "label"}))
    assert [(post["text"], post["category"]) for post in posts] == [("it rains", 0), ("hot", 1)]
    assert "urgency" not in posts[0]
