"""The loop of the documentation, from an empty folder by one command, on both of MLflow's databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LOOP = Path(__file__).parents[2] / "examples" / "loop" / "loop.sh"


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    # A test that ran before may have told MLflow of a server of its own.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "loop.log").open("w") as log:
        return subprocess.Popen(
            [LOOP, folder], env=inherited | {"PATH": path} | environment, stdout=log, stderr=log, text=True
        )


def check(process: subprocess.Popen[str], folder: Path) -> None:
    code, said = process.wait(), (folder / "loop.log").read_text()
    assert code == 0, said[-4000:]
    assert "refused: version 3" in said
    assert "rolled back: version 1" in said
    rows = [json.loads(line) for line in (folder / "corrected.jsonl").read_text().splitlines()]
    assert len(rows) > 700
    assert {row["source"] for row in rows} == {"feedback"}
    comparison = json.loads((folder / "runs" / "promotion" / "comparison" / "comparison.json").read_text())
    assert comparison["verdict"] == "fail"


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Goes round while the other does: each waits for one process at a time."""
    folder = tmp_path_factory.mktemp("sqlite")
    process = start(folder)
    yield process, folder
    process.terminate()
    process.wait()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("on_sqlite")
def test_the_loop_goes_round_on_postgresql(tmp_path: Path, postgresql: Callable[[], str]) -> None:
    database = postgresql().replace("postgresql:", "postgresql+psycopg:", 1)
    check(start(tmp_path, MLFLOW_DATABASE=database), tmp_path)


@pytest.mark.timeout(900)
def test_the_loop_goes_round_on_sqlite(on_sqlite: tuple[subprocess.Popen[str], Path]) -> None:
    check(*on_sqlite)
