"""`earshot data export-feedback`: what people corrected comes out as data that a training reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.feedback import Correction, KeptCorrection, digest_of
from earshot.feedback.store import FeedbackStore
from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy
from tests.feedback import DIGEST, correction
from tests.training.data.conftest import Earshot
from training.data.feedback import harvest


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/feedback.db"


def keep(database: str, *corrections: Correction) -> None:
    store = FeedbackStore.open(database)
    for each in corrections:
        store.keep(each)
    store.close()


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_corrections_come_out_as_labelled_posts_with_where_they_come_from(
    earshot: Earshot, database: str, tmp_path: Path
) -> None:
    keep(database, correction("Charged twice 😀", secondary=("complaint",), urgency="high", reviewer="ada"))
    output = tmp_path / "out" / "feedback.jsonl"
    assert earshot("data", "export-feedback", "--database", database, "-o", str(output)) == 0
    (row,) = rows(output)
    assert row["source"] == "feedback"
    assert (row["reviewer"], row["caller"], row["model_digest"]) == ("ada", "anonymous", DIGEST)
    assert (row["predicted_category"], row["predicted_urgency"]) == ("none", "low")
    (post,) = read_labelled(output, Taxonomy.default()).posts
    assert (post.text, post.category, post.secondary, post.urgency) == (
        "Charged twice 😀",
        "billing",
        ("complaint",),
        "high",
    )
    assert not post.ambiguous
    assert rows(tmp_path / "out" / "feedback.conflicts.jsonl") == []


def test_the_latest_word_on_a_post_counts_and_disagreements_are_listed(
    earshot: Earshot, database: str, tmp_path: Path
) -> None:
    keep(
        database,
        correction("one", "complaint", reviewer="ada"),
        correction("two", "praise", reviewer="ada"),
        correction("one", "billing", reviewer="ada"),  # a person may change their mind
        correction("two", "none", reviewer="ben"),
        correction("three", "billing", urgency="low", reviewer="ada"),
        correction("three", "billing", urgency="high", reviewer="ben"),
    )
    output = tmp_path / "feedback.jsonl"
    assert earshot("data", "export-feedback", "--database", database, "-o", str(output)) == 0
    assert [(row["text"], row["category"], row["urgency"], row["ambiguous"]) for row in rows(output)] == [
        ("one", "billing", None, False),
        ("two", "none", None, True),
        ("three", "billing", "high", False),
    ]
    conflicts = rows(tmp_path / "feedback.conflicts.jsonl")
    assert [(each["text"], each["on_category"]) for each in conflicts] == [("two", True), ("three", False)]
    assert [(word["reviewer"], word["category"]) for word in conflicts[0]["words"]] == [
        ("ada", "praise"),
        ("ben", "none"),
    ]


def test_people_without_a_name_are_somebody_else_each_time(earshot: Earshot, database: str, tmp_path: Path) -> None:
    keep(database, correction("one", "complaint"), correction("one", "billing"))
    output = tmp_path / "feedback.jsonl"
    assert earshot("data", "export-feedback", "--database", database, "-o", str(output)) == 0
    assert [(row["category"], row["ambiguous"]) for row in rows(output)] == [("billing", True)]


def test_texts_that_the_caller_kept_are_joined_by_their_digest(
    earshot: Earshot, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(database, correction("kept elsewhere", with_text=False), correction("lost", with_text=False))
    posts = tmp_path / "posts.csv"
    posts.write_text("body\nkept elsewhere\nsomething else\n")
    output = tmp_path / "feedback.jsonl"
    code = earshot(
        "data",
        "export-feedback",
        "--database",
        database,
        "-o",
        str(output),
        "--posts",
        str(posts),
        "--column",
        "text=body",
    )
    assert code == 0
    assert [row["text"] for row in rows(output)] == ["kept elsewhere"]
    assert "1 posts whose text is not known" in capsys.readouterr().out


def test_labels_of_another_taxonomy_are_left_out_and_counted(
    earshot: Earshot, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(database, correction("one", "rant"), correction("two"))
    output = tmp_path / "feedback.jsonl"
    assert earshot("data", "export-feedback", "--database", database, "-o", str(output)) == 0
    assert [row["text"] for row in rows(output)] == ["two"]
    assert "left out: 1 corrections" in capsys.readouterr().out


def test_a_database_that_is_not_there_is_not_made(
    earshot: Earshot, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert earshot("data", "export-feedback", "--database", database, "-o", str(tmp_path / "feedback.jsonl")) == 2
    assert f"no feedback database at {tmp_path}/feedback.db" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(["billing", "praise"]), st.sampled_from([None, "ada", "ben"])
        ),
        max_size=12,
    )
)
def test_each_post_is_there_once_by_its_latest_word(said: list[tuple[str, str, str | None]]) -> None:
    kept = [
        KeptCorrection(str(number), datetime.now(UTC), correction(text, category, reviewer=reviewer))
        for number, (text, category, reviewer) in enumerate(said)
    ]
    done = harvest(kept, Taxonomy.default(), {})
    assert {row["text"]: row["category"] for row in done.rows} == {text: category for text, category, _ in said}
    assert len(done.rows) == len({text for text, _, _ in said})
    disputed = {row["text"] for row in done.rows if row["ambiguous"]}
    assert {conflict["text_sha256"] for conflict in done.conflicts} == {digest_of(text) for text in disputed}
