from pathlib import Path

import pytest

from eval.errors import ResultsError
from eval.output_folder import check_output, write_output

TELLING = "results.json"


def test_a_folder_under_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ResultsError, match="file"):
            check_output(folder, TELLING)


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_output(tmp_path / "deep" / "out", TELLING)
    assert list((tmp_path / "deep").iterdir()) == []


def test_what_cannot_all_be_written_is_not_written_at_all(tmp_path: Path) -> None:
    write_output(tmp_path / "out", {"a": b"old", "b": b"old"})
    with pytest.raises(ResultsError):
        write_output(tmp_path / "out", {"a": b"new", "b/c": b"no such folder"})
    assert (tmp_path / "out" / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_refused_and_one_of_the_same_command_is_not(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ResultsError, match=f"holds no {TELLING}"):
        check_output(tmp_path, TELLING)
    (tmp_path / TELLING).touch()
    check_output(tmp_path, TELLING)
