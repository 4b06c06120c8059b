from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eval.verdict import Gate, Limit
from tests.eval.folders import answered, flipped, labelled, write_folder

ROOT = Path(__file__).parents[2]
PLUGINS = ("-p", "eval.pytest_plugin", "-p", "no:cacheprovider")
GATES: list[Gate] = [
    Limit(kind="limit", metric="accuracy", at_least=0.5),
    Limit(kind="limit", metric="macro_f1", at_least=0.99, name="a dream", required=False),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    champion = answered(labelled(200), right=0.85, seed=1)
    strict: list[Gate] = [Limit(kind="limit", metric="accuracy", at_least=0.99, name="too much")]
    return {
        "champion": write_folder(root / "champion", champion, gates=GATES),
        "strict": write_folder(root / "strict", champion, gates=strict),
        "worse": write_folder(root / "worse", flipped(champion, share=0.2, seed=2), gates=GATES),
    }


def _pytest(tmp_path: Path, *arguments: str | Path) -> tuple[int, str]:
    (tmp_path / "test_own.py").write_text("def test_own() -> None:\n    assert True\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "eval.pytest_plugin",
            "-p",
            "no:cacheprovider",
            "-rA",
            *map(str, arguments),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_gates_are_tests_beside_ones_own(folders: dict[str, Path], tmp_path: Path) -> None:
    code, out = _pytest(tmp_path, "--earshot-results", folders["champion"])
    assert code == 0, out
    assert "2 passed, 1 xfailed" in out
    assert "earshot[accuracy at least 0.5]" in out


def test_a_gate_that_fails_says_why_without_a_traceback(folders: dict[str, Path], tmp_path: Path) -> None:
    code, out = _pytest(tmp_path, "--earshot-results", folders["strict"])
    assert code == 1
    assert "fail: 0.8" in out
    assert "Traceback" not in out


def test_a_challenger_that_is_worse_than_the_champion_fails(folders: dict[str, Path], tmp_path: Path) -> None:
    code, out = _pytest(tmp_path, "--earshot-results", folders["worse"], "--earshot-champion", folders["champion"])
    assert code == 1
    assert "earshot[not significantly worse than the champion]" in out
    assert "significantly worse: accuracy" in out


def test_a_folder_without_results_is_an_error_of_usage(tmp_path: Path) -> None:
    code, out = _pytest(tmp_path, "--earshot-results", tmp_path)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "no results in" in out


def test_without_its_options_the_plugin_adds_nothing(tmp_path: Path) -> None:
    code, out = _pytest(tmp_path)
    assert code == 0
    assert "1 passed" in out
