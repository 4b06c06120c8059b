from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy
from tests.training.recipes import upstream
from training.recipes.recipe import RecipeError
from training.recipes.work_folder import WorkFolder


def _rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_parts_are_labelled_files_of_the_taxonomy(tmp_path: Path) -> None:
    recipe = upstream.published("clinc150", upstream.clinc150(), tmp_path)
    work = WorkFolder.prepare(recipe, tmp_path, tmp_path / "work")
    taxonomy = Taxonomy.load(work.taxonomy)
    assert (taxonomy.category_names, taxonomy.out_of_scope, taxonomy.urgencies) == (("oos", "weather"), "oos", ())
    (part,) = work.parts
    assert part.validation is not None
    for file in (part.train, part.validation, part.test):
        posts = read_labelled(file, taxonomy).posts
        assert [post.category for post in posts] == ["weather", "oos"]
        assert {post.fields["licence"] for post in posts} == {"CC-BY-3.0"}


def test_made_up_examples_become_golden_posts_of_categories_that_occur(tmp_path: Path) -> None:
    recipe = upstream.published("banking77", upstream.banking77(), tmp_path)
    taxonomy = Taxonomy.load(WorkFolder.prepare(recipe, tmp_path, tmp_path / "work").taxonomy)
    assert [category.examples for category in taxonomy.categories] == [
        recipe.examples[name] for name in ("card_arrival", "exchange_rate", "lost_or_stolen_card")
    ]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    recipe = upstream.published("complaint_tweets", upstream.complaint_tweets(), tmp_path)
    made = [WorkFolder.prepare(recipe, tmp_path, tmp_path / name).folder for name in ("one", "two", "one")]
    files = [{path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")} for folder in made]
    assert files[0] == files[1] == files[2]


def test_every_tweet_is_judged_in_one_fold_and_learned_from_in_the_others(tmp_path: Path) -> None:
    recipe = upstream.published("complaint_tweets", upstream.complaint_tweets(each=20), tmp_path)
    work = WorkFolder.prepare(recipe, tmp_path, tmp_path / "work")
    assert [part.name for part in work.parts] == [f"fold-{number:02}" for number in range(1, 11)]
    judged: Counter[str] = Counter()
    for part in work.parts:
        learned, test = (_rows(file) for file in (part.train, part.test))
        assert Counter(row["category"] for row in test) == {"complaint": 2, "none": 2}
        assert not {row["text"] for row in learned} & {row["text"] for row in test}
        assert len(learned) + len(test) == 40
        judged.update(row["text"] for row in test)
    assert len(judged) == 40
    assert set(judged.values()) == {1}


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    recipe = upstream.published("banking77", upstream.banking77(), tmp_path)
    (tmp_path / recipe.files[1].path).write_bytes(b"text,category\nsomething else,card_arrival\n")
    with pytest.raises(RecipeError, match=r"test\.csv is not the file .* SHA-256"):
        WorkFolder.prepare(recipe, tmp_path, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_missing_file_says_what_to_set(tmp_path: Path) -> None:
    recipe = upstream.published("banking77", upstream.banking77(), tmp_path)
    with pytest.raises(RecipeError, match="EARSHOT_DATA"):
        WorkFolder.prepare(recipe, tmp_path / "elsewhere", tmp_path / "work")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    recipe = upstream.published("banking77", upstream.banking77(), tmp_path)
    (tmp_path / "work").write_text("a file")
    with pytest.raises(RecipeError, match=r"cannot write to .*work"):
        WorkFolder.prepare(recipe, tmp_path, tmp_path / "work")
