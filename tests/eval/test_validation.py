from __future__ import annotations

from pathlib import Path

import pytest

from earshot.__main__ import main
from eval.results import PREDICTIONS
from eval.suite import SHIPPED
from tests.eval.data import rows, write_jsonl
from tests.eval.folders import answered, labelled, write_folder


def _validate(*names: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "validate", *map(str, names)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_shipped_suites_from_a_fresh_clone_are_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate("smoke", "behaviour", "robustness", "speed") == 0
    out = capsys.readouterr().out
    assert "suite 'smoke': 320 posts of authored.jsonl, 2 gates" in out
    assert "behaviour tests" in out


def test_a_file_of_behaviour_tests_is_told_from_a_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert _validate(SHIPPED / "behaviour" / "tone.toml") == 0
    assert "10 behaviour tests" in capsys.readouterr().out


def test_every_unusable_thing_is_named_and_the_rest_still_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "suite.toml").write_text('name = "x"\ndata = "none.jsonl"\nsurprise = 1\n', encoding="utf-8")
    (tmp_path / "tests.toml").write_text('capability = "x"\ntests = []\n', encoding="utf-8")
    good = tmp_path / "good.toml"
    good.write_text('name = "good"\ndata = "posts.jsonl"\n', encoding="utf-8")
    write_jsonl(tmp_path / "posts.jsonl", rows())
    assert _validate(tmp_path / "suite.toml", tmp_path / "tests.toml", good) == 1
    captured = capsys.readouterr()
    assert "surprise" in captured.err
    assert "tests.toml: tests" in captured.err
    assert "suite 'good': 14 posts" in captured.out


def test_results_whose_predictions_are_damaged_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "run", answered(labelled(40), right=0.8, seed=1))
    assert _validate(folder) == 0
    (folder / PREDICTIONS).write_text('{"id": "a"}\n', encoding="utf-8")
    assert _validate(folder) == 1
    assert "line 1" in capsys.readouterr().err
