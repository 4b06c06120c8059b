"""A file with one row in a hundred broken: every such row is named, and left out only when that is asked for."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from earshot.__main__ import main
from earshot.bundle import Bundle
from earshot.records import Row

BROKEN = {37: "text", 151: "category", 298: "urgency"}
"""Row numbers, counted from 1, and what is wrong there."""


def _rows(authored_rows: list[Row]) -> list[Row]:
    rows = [{name: row[name] for name in ("text", "category", "urgency")} for row in authored_rows[:300]]
    rows[37 - 1]["text"] = "  "
    rows[151 - 1]["category"] = "leek"
    rows[298 - 1]["urgency"] = "asap"
    return rows


def _jsonl(folder: Path, rows: list[Row]) -> Path:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _csv(folder: Path, rows: list[Row]) -> Path:
    path = folder / "posts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("text", "category", "urgency"))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _parquet(folder: Path, rows: list[Row]) -> Path:
    path = folder / "posts.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def _train(folder: Path, *arguments: str) -> int:
    here = Path.cwd()
    os.chdir(folder)
    try:
        with pytest.raises(SystemExit) as exit_:
            # The quickest that there is: what becomes of bad rows does not depend on it.
            main(["train", "--set", "model.architecture=tfidf", "--output", "bundle", *arguments])
    finally:
        os.chdir(here)
    return int(exit_.value.code or 0)


@pytest.mark.parametrize("write", [_jsonl, _csv, _parquet])
def test_bad_rows_are_listed_and_left_out_only_when_asked(
    write: Callable[[Path, list[Row]], Path],
    authored_rows: list[Row],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write(tmp_path, _rows(authored_rows))
    tracking = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert _train(tmp_path, "--data", str(data), "--tracking-uri", tracking) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "3 unusable row(s)" in line
    assert "--skip-bad-rows" in line
    assert dict(re.findall(r"row (\d+), column '(\w+)'", line)) == {str(row): why for row, why in BROKEN.items()}
    assert [path.name for path in tmp_path.iterdir()] == [data.name], "nothing is written"

    assert _train(tmp_path, "--data", str(data), "--tracking-uri", tracking, "--skip-bad-rows") == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out: ")]
    assert len(said) == len(BROKEN)
    for line, (row, why) in zip(said, BROKEN.items(), strict=True):
        assert f"{data.name}, row {row}, column '{why}'" in line
    (source,) = Bundle.load(tmp_path / "bundle").manifest.training.data
    assert (source.rows, source.skipped_rows) == (297, 3)
