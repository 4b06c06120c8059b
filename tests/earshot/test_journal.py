from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import JournalError
from earshot.journal import Journal

ROWS = [1, 2, 5, 6]
RESULTS: list[dict[str, object]] = [{"label": "a"}, {"label": "é\n"}, {"error": "no"}, {"scores": {"x": 0.1}}]
KNOWN = {"input": "abc", "model": "def"}


def journal(path: Path, **changes: str) -> Journal:
    return Journal(path, KNOWN | changes, ROWS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.csv.partial.jsonl"


def test_results_come_back_in_order(path: Path) -> None:
    first = journal(path)
    first.extend(RESULTS[:3])
    first.extend(RESULTS[3:])
    assert list(first.results()) == RESULTS
    assert list(journal(path).results()) == RESULTS


def test_nothing_is_made_before_the_first_results(path: Path) -> None:
    empty = journal(path)
    assert (empty.done, list(empty.results())) == (0, [])
    assert not path.exists()
    empty.remove()


def test_a_second_run_goes_on_where_the_first_stopped(path: Path) -> None:
    journal(path).extend(RESULTS[:2])
    second = journal(path)
    assert second.done == 2
    second.extend(RESULTS[2:])
    assert list(journal(path).results()) == RESULTS


def test_wherever_a_crash_tears_the_file_what_is_whole_is_kept(path: Path) -> None:
    journal(path).extend(RESULTS)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        torn = journal(path)
        assert torn.done == max(0, whole[:size].count(b"\n") - 1)
        torn.extend(RESULTS[torn.done :])
        assert path.read_bytes() == whole


@given(st.binary(max_size=30))
def test_rubbish_after_whole_lines_is_done_again(tmp_path_factory: pytest.TempPathFactory, rubbish: bytes) -> None:
    path = tmp_path_factory.mktemp("journal") / "partial.jsonl"
    journal(path).extend(RESULTS[:2])
    with path.open("ab") as file:
        file.write(rubbish)
    again = journal(path)
    assert again.done == 2
    again.extend(RESULTS[2:])
    assert list(journal(path).results()) == RESULTS


def test_results_of_other_rows_are_done_again(path: Path) -> None:
    Journal(path, KNOWN, [1, 3, 5, 6]).extend(RESULTS)
    assert journal(path).done == 1


@pytest.mark.parametrize(
    ("changes", "named"), [({"input": "x"}, "input"), ({"input": "x", "model": "y"}, "input, model")]
)
def test_the_progress_of_another_run_is_refused_with_the_difference(
    path: Path, changes: dict[str, str], named: str
) -> None:
    journal(path).extend(RESULTS[:1])
    before = path.read_bytes()
    with pytest.raises(JournalError, match=rf"partial\.jsonl keeps .* another run \(of another {named}\): .*--restart"):
        journal(path, **changes)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"my diary\n", b"my diary", b"[]\n", b'{"journal": 2}\n'])
def test_a_file_that_is_no_journal_is_not_touched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match="--restart"):
        journal(path)
    assert path.read_bytes() == content


def test_a_restart_throws_it_away(path: Path) -> None:
    journal(path).extend(RESULTS)
    assert Journal(path, {"input": "other"}, ROWS, restart=True).done == 0
    assert not path.exists()
