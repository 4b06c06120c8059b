"""`earshot data join`: overlays put to posts that one already has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earshot.__main__ import main
from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy
from training.data.cleaning import text_sha256
from training.data.overlays import OverlayRow, write_overlays

TEXTS = {"a": "double charge on my card", "b": "love it", "c": "does it come in green?"}


def _post(key: str) -> dict[str, str]:
    return {"id": key, "text": TEXTS[key], "source": "set", "source_id": key, "licence": "MIT"}


def _label(key: str, category: str, **more: object) -> OverlayRow:
    row = {"id": key, "source": "set", "source_id": key, "text_sha256": text_sha256(TEXTS[key]), "category": category}
    return OverlayRow.model_validate(row | {"urgency": "low"} | more)


def _join(tmp_path: Path, *overlays: str) -> object:
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps(_post(key)) + "\n" for key in "cba"), encoding="utf-8")
    folders = [option for name in overlays for option in ("--overlays", str(tmp_path / name))]
    with pytest.raises(SystemExit) as exit_:
        main(["data", "join", str(posts), *folders, "-o", str(tmp_path / "joined.jsonl")])
    return exit_.value.code


def test_posts_get_the_label_of_the_last_folder_and_are_labelled_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_overlays(tmp_path / "first", [_label("a", "complaint"), _label("b", "praise")])
    write_overlays(tmp_path / "second", [_label("a", "billing", secondary=["complaint"], ambiguous=True)])
    assert _join(tmp_path, "first", "second") == 0
    posts = read_labelled(tmp_path / "joined.jsonl", Taxonomy.default()).posts
    assert [(post.id, post.text, post.category, post.ambiguous) for post in posts] == [
        ("a", TEXTS["a"], "billing", True),
        ("b", TEXTS["b"], "praise", False),
    ]
    assert "2 labelled posts; 1 posts have no label" in capsys.readouterr().out


def test_a_label_of_another_text_is_not_taken_and_named_as_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = _label("a", "billing").model_copy(update={"text_sha256": "0" * 64})
    write_overlays(tmp_path / "first", [changed, _label("b", "praise")])
    assert _join(tmp_path, "first") == 1
    assert [post.id for post in read_labelled(tmp_path / "joined.jsonl", Taxonomy.default()).posts] == ["b"]
    assert "1 labels have no post" in capsys.readouterr().err


def test_labels_for_evaluation_only_are_passed_over(tmp_path: Path) -> None:
    write_overlays(tmp_path / "first", [_label("a", "billing", evaluation_only=True), _label("b", "praise")])
    assert _join(tmp_path, "first") == 0
    assert [post.id for post in read_labelled(tmp_path / "joined.jsonl", Taxonomy.default()).posts] == ["b"]
