from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earshot.lazy_rows import LazyRows
from earshot.tables import read_table

LINES = st.lists(
    st.sampled_from(['{"text": "é"}', '{"text": "b", "n": 1}', "", "  ", "not json", "[1]", '{"a": "\\n"}'])
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.booleans(), st.booleans())
def test_rows_read_lazily_are_those_read_at_once(tmp_path: Path, lines: list[str], with_bom: bool, ends: bool) -> None:
    path = tmp_path / "posts.jsonl"
    text = "\n".join(lines) + ("\n" if ends else "")
    path.write_text(text, encoding="utf-8-sig" if with_bom else "utf-8")
    lazy, whole = read_table(path, lazily=True), read_table(path)
    assert isinstance(lazy.rows, LazyRows)
    assert list(lazy.rows) == lazy.rows[:] == whole.rows
    assert list(lazy.rows.numbers) == [number for number, _ in whole.rows]
    assert (lazy.columns, lazy.sha256, lazy.problems) == (whole.columns, whole.sha256, whole.problems)
    for index in range(len(whole.rows)):
        assert lazy.rows[index] == whole.rows[index]


def test_a_file_that_was_opened_stays_readable_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    rows = read_table(path, lazily=True).rows
    path.unlink()
    assert rows[-1] == (2, {"text": "b"})
