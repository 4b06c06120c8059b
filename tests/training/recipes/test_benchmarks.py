from __future__ import annotations

import pytest

from tests.training.recipes import upstream
from training.config import TrainingConfig
from training.recipes import banking77, clinc150, complaint_tweets, semeval2019_task9a
from training.recipes.catalogue import RECIPES
from training.recipes.recipe import Parts, Recipe


def _read(parts: Parts) -> dict[str, list[tuple[str, str]]]:
    return {name: [(post.text, post.category) for post in posts] for name, posts in parts.items()}


def test_banking77_is_read_with_commas_and_quotes() -> None:
    assert _read(banking77.read(upstream.banking77())) == {
        "train": [
            ("Where is it, please?", "card_arrival"),
            ('a "quoted" word', "exchange_rate"),
            ("lost it", "lost_or_stolen_card"),
        ],
        "test": [("found it", "card_arrival")],
    }


def test_clinc150_has_its_out_of_scope_queries_in_the_part_they_belong_to() -> None:
    assert _read(clinc150.read(upstream.clinc150())) == {
        "train": [("train query", "weather"), ("oos_train query", "oos")],
        "validation": [("val query", "weather"), ("oos_val query", "oos")],
        "test": [("test query", "weather"), ("oos_test query", "oos")],
    }


def test_complaint_tweets_are_read_without_a_header() -> None:
    assert _read(complaint_tweets.read(upstream.complaint_tweets(each=1))) == {
        "train": [("broken again, 0 times", "complaint"), ("lunch for 0 — nice", "none")]
    }


def test_semeval_sentences_lose_the_quotes_that_only_the_training_file_has() -> None:
    assert _read(semeval2019_task9a.read(upstream.semeval2019_task9a())) == {
        "train": [("Please add a café finder.", "suggestion"), ("It rained.", "none"), ('"', "none")],
        "test": [("Add a clock.", "suggestion")],
    }


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_recipe_has_a_training_configuration_and_published_figures(recipe: Recipe) -> None:
    assert TrainingConfig.load(recipe.config).export.name.startswith("earshot-")
    assert recipe.metrics
    for published in recipe.published:
        assert set(published.figures) <= set(recipe.metrics)
        assert all(0 < value < 1 for value in published.figures.values())
