from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.data.conftest import Earshot, World
from training.data.__main__ import DATA
from training.data.overlays import OverlayError, OverlayRow, read_overlay

_NAMES = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


def _overlay(world: World, *rows: dict[str, Any]) -> tuple[str, ...]:
    path = world.folder.parent / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ("data", "overlay", str(path), "--catalogue", str(world.catalogue))


def test_what_fetch_wrote_becomes_the_same_overlays_again(world: World, earshot: Earshot, tmp_path: Path) -> None:
    assert earshot("data", "fetch", *world.options(world.folder)) == 0
    again = tmp_path / "again"
    arguments = ["--catalogue", world.catalogue, "--sources", world.folder, "-o", again]
    assert earshot("data", "overlay", world.output, *arguments) == 0
    first = {path.name: path.read_text() for path in world.overlays.iterdir()}
    assert {path.name: path.read_text() for path in again.iterdir()} == first


def test_an_overlay_holds_no_text(world: World) -> None:
    text = "".join(path.read_text() for path in world.overlays.iterdir())
    assert "charging" not in text
    assert '"text"' not in text


ROW: dict[str, Any] = {"id": "a", "text": "hi there", "category": "none", "source": "tweets", "source_id": "1"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": "project"}, "licence is 'project'"),
        ({"source": "nowhere"}, "no source covers rows of 'nowhere'"),
        ({"source_id": None}, "source_id"),
        ({"text_sha256": "0" * 64}, "not the text's"),
        ({"source": "forum_x"}, "--sources"),
        ({"source": "forum_../x", "source_id": "a1"}, "--sources"),
        ({"category": "leek"}, "unknown category"),
    ],
)
def test_rows_that_must_not_be_in_an_overlay_are_refused(
    changes: dict[str, Any], said: str, world: World, earshot: Earshot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert earshot(*_overlay(world, ROW | changes), "-o", world.folder.parent / "new") == 2
    assert said in capsys.readouterr().err
    assert not (world.folder.parent / "new").exists()


def test_an_overlay_of_the_benchmark_is_marked_and_keeps_the_votes(world: World, earshot: Earshot) -> None:
    votes = [["none", "low"], ["praise", "low"]]
    row = ROW | {"source": "elsewhere", "votes": votes, "licence": "CC-BY-NC-SA-4.0"}
    assert earshot(*_overlay(world, row), "--benchmark", "-o", world.overlays) == 0
    (kept,) = read_overlay(world.overlays / "benchmark.jsonl")
    assert kept.evaluation_only
    assert [list(vote) for vote in kept.votes] == votes


def test_a_bad_line_of_an_overlay_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tweets.jsonl"
    path.write_text('{"id": "a"}\n')
    with pytest.raises(OverlayError, match="row 1, column 'source'"):
        read_overlay(path)


def test_no_shipped_overlay_shares_a_post_with_the_benchmark() -> None:
    benchmark = read_overlay(DATA / "overlays" / "benchmark.jsonl")
    assert all(row.evaluation_only for row in benchmark)
    digests = {row.text_sha256 for row in benchmark}
    rows = [
        row for path in (DATA / "overlays").glob("*.jsonl") if path.stem != "benchmark" for row in read_overlay(path)
    ]
    assert len(rows) == 24_766
    assert not any(row.evaluation_only or row.text_sha256 in digests for row in rows)
    assert len({row.id for row in rows}) == len(rows)


@given(id=_NAMES, key=_NAMES, secondary=st.lists(_NAMES, max_size=3), urgency=st.none() | _NAMES, flag=st.booleans())
def test_a_row_survives_its_line(id: str, key: str, secondary: list[str], urgency: str | None, flag: bool) -> None:
    row = OverlayRow(
        id=id,
        source="tweets",
        source_id=key,
        text_sha256="0" * 64,
        category="none",
        secondary=tuple(secondary),
        urgency=urgency,
        ambiguous=flag,
    )
    assert OverlayRow.model_validate_json(row.as_line()) == row
    assert row.as_line().count("\n") == 1
