from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from earshot.__main__ import main
from eval.comparison import COMPARISON, read_comparison
from eval.errors import ResultsError
from eval.results import JUNIT, REPORT, SUMMARY
from tests.eval.folders import answered, flipped, labelled, write_folder


def _compare(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "compare", *map(str, arguments), "--resamples", "200"])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    champion = answered(labelled(300), right=0.85, seed=1)
    return {
        "champion": write_folder(root / "champion", champion, name="champion"),
        "worse": write_folder(root / "worse", flipped(champion, share=0.1, seed=2), name="worse"),
        "shorter": write_folder(root / "shorter", champion[10:], name="shorter"),
    }


def test_a_model_that_is_no_worse_exits_0(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(folders["champion"], folders["champion"]) == 0
    captured = capsys.readouterr()
    assert "verdict: pass" in captured.out
    assert captured.err == ""


def test_a_worse_model_exits_1_and_says_why(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(folders["champion"], folders["worse"]) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("earshot: fail: The challenger is significantly worse: accuracy")
    assert "verdict: fail" in captured.out


def test_other_posts_exit_2(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert _compare(folders["champion"], folders["shorter"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot judge" in line
    assert "lacks 10 posts" in line


def test_a_folder_without_results_exits_2(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compare(folders["champion"], tmp_path) == 2
    assert "no results in" in capsys.readouterr().err


def test_the_comparison_is_written_for_programs_people_and_ci(folders: dict[str, Path], tmp_path: Path) -> None:
    assert _compare(folders["champion"], folders["worse"], "-o", tmp_path / "out") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [COMPARISON, JUNIT, REPORT, SUMMARY]
    found = read_comparison(tmp_path / "out")
    assert (found.verdict, found.challenger.name) == ("fail", "worse")
    summary = (tmp_path / "out" / SUMMARY).read_text(encoding="utf-8")
    assert summary.startswith("## ❌ **fail**")
    assert "Flipped labels" in summary
    (failure,) = ElementTree.parse(tmp_path / "out" / JUNIT).iter("failure")  # noqa: S314 - our own
    assert "significantly worse" in (failure.text or "")


def test_a_folder_that_holds_something_else_is_not_written_to(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    assert _compare(folders["champion"], folders["champion"], "-o", tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_gates_of_another_suite_may_be_asked(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "strict.toml"
    suite.write_text(
        'name = "strict"\ndata = "none"\n[[gates]]\nkind = "limit"\nmetric = "accuracy"\nat_least = 0.99\n',
        encoding="utf-8",
    )
    assert _compare(folders["champion"], folders["champion"], "--suite", suite) == 1
    assert "accuracy at least 0.99: fail" in capsys.readouterr().err


def test_a_comparison_of_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / COMPARISON).write_text(json.dumps({"schema_version": 99}), encoding="utf-8")
    with pytest.raises(ResultsError, match="compare again"):
        read_comparison(tmp_path)
