"""The loop of the documentation, from an empty folder by one command, on both of MLflow's databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LOOP = Path(__file__).parents[2] / "examples" / "loop" / "loop.sh"


def walk(folder: Path, **environment: str) -> str:
    # A test that ran before may have told MLflow of a server of its own.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [LOOP, folder],
        env=inherited | {"PATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def check(said: str, folder: Path) -> None:
    assert "refused: version 3" in said
    assert "rolled back: version 1" in said
    rows = [json.loads(line) for line in (folder / "corrected.jsonl").read_text().splitlines()]
    assert len(rows) > 700
    assert {row["source"] for row in rows} == {"feedback"}
    comparison = json.loads((folder / "runs" / "promotion" / "comparison" / "comparison.json").read_text())
    assert comparison["verdict"] == "fail"


@pytest.mark.timeout(900)
def test_the_loop_goes_round_on_sqlite(tmp_path: Path) -> None:
    check(walk(tmp_path), tmp_path)


@pytest.mark.timeout(900)
def test_the_loop_goes_round_on_postgresql(tmp_path: Path, postgresql: Callable[[], str]) -> None:
    check(walk(tmp_path, MLFLOW_DATABASE=postgresql().replace("postgresql:", "postgresql+psycopg:", 1)), tmp_path)
