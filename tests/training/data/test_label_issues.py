from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earshot.taxonomy import Taxonomy
from tests.training.conftest import AUTHORED
from training.data.duplicates import Likeness
from training.data.label_issues import find_label_issues, ranked, write_label_issues
from training.data.posts import CheckedPost, read_checked


@pytest.fixture(scope="module")
def posts() -> list[CheckedPost]:
    read, _ = read_checked([AUTHORED], Taxonomy.default())
    return read[::3]


def test_changed_labels_are_found_far_more_often_than_by_chance(posts: list[CheckedPost]) -> None:
    random = np.random.default_rng(5)
    changed = set(random.choice(len(posts), 50, replace=False).tolist())
    names = Taxonomy.default().category_names
    spoiled = [
        _with(post, category=names[(names.index(post.labelled.category) + 1 + row % 5) % 6], urgency=None)
        if row in changed
        else _with(post, urgency=None)
        for row, post in enumerate(posts)
    ]
    groups = Likeness([post.text for post in spoiled], 0.6).groups
    (search,) = find_label_issues(spoiled, groups, folds=3, seed=1)
    first = [issue.post for issue in ranked([search])[:50]]
    assert len(changed.intersection(first)) >= 15, "a random list would hold 2 or 3"
    assert 0 < search.macro_f1 < 1


def _with(post: CheckedPost, **labels: Any) -> CheckedPost:  # noqa: ANN401 (of several types)
    return replace(post, labelled=replace(post.labelled, **labels))


def test_admitted_doubts_come_last_and_nothing_is_changed(posts: list[CheckedPost], tmp_path: Path) -> None:
    doubted = [_with(post, ambiguous=row % 2 == 0) for row, post in enumerate(posts)]
    groups = np.arange(len(doubted))
    searches = find_label_issues(doubted, groups, folds=3, seed=1)
    assert [search.target for search in searches] == ["category", "urgency"]
    issues = ranked(searches)
    known = [issue.known for issue in issues]
    assert known == sorted(known)
    write_label_issues(tmp_path / "issues.csv", issues, doubted)
    with (tmp_path / "issues.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(issues) + 1))
    for row, issue in zip(rows, issues, strict=True):
        post = doubted[issue.post]
        assert (row["row"], row["given"]) == (str(post.labelled.row), getattr(post.labelled, issue.target))
        assert row["given"] != row["suggested"]


def test_labels_with_too_few_posts_are_passed_over_by_name(posts: list[CheckedPost]) -> None:
    few = [post for post in posts if post.labelled.category in ("billing", "praise")][:60]
    rare = next(post for post in posts if post.labelled.category == "leak")
    searches = find_label_issues([*few, rare], np.arange(len(few) + 1), folds=3, seed=1)
    assert searches[0].passed_over == ("leak",)


def test_one_category_alone_is_not_searched(posts: list[CheckedPost]) -> None:
    same = [_with(post, urgency=None) for post in posts if post.labelled.category == "praise"]
    assert find_label_issues(same, np.arange(len(same)), folds=3, seed=1) == []
