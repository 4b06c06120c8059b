from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from training.recipes.catalogue import RECIPES
from training.recipes.outcome import Judged, Outcome, figure_in
from training.recipes.recipe import RecipeError


def _results(accuracy: float, f1: float, n: int = 100) -> dict[str, Any]:
    """What an evaluation writes, as far as it is read here."""
    figure = {"metric": "accuracy", "value": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.1, "n": n}
    of_label = {"metric": "f1[suggestion]", "value": f1, "low": None, "high": None, "n": 40}
    return {
        "model": {"digest": "sha256:" + "a" * 64},
        "data": {"name": "test.jsonl", "sha256": "b" * 64},
        "slices": [
            {
                "figures": [figure],
                "categories": [
                    {"label": "none", "f1": None},
                    {"label": "suggestion", "precision": None, "recall": None, "f1": of_label},
                ],
            }
        ],
    }


def _outcome(*judged: Judged) -> Outcome:
    recipe = replace(RECIPES["banking77"], metrics=("accuracy", "f1[suggestion]"))
    return Outcome(recipe, judged, "python -m training.recipes.run banking77 --seeds 1 2 3")


def _seed(seed: int, accuracy: float, name: str = "") -> Judged:
    return Judged(f"seed-{seed}{name}", seed, _results(accuracy, 0.5), ("earshot train", "earshot eval run"))


def test_figures_are_found_overall_and_for_one_label() -> None:
    assert figure_in(_results(0.8, 0.5), "accuracy")["value"] == 0.8
    assert figure_in(_results(0.8, 0.5), "f1[suggestion]") == {"value": 0.5, "low": None, "high": None, "n": 40}


@pytest.mark.parametrize("metric", ["macro_f1", "f1[none]", "f1[absent]", "precision[suggestion]"])
def test_a_figure_that_is_not_there_is_named(metric: str) -> None:
    with pytest.raises(RecipeError, match=metric.replace("[", r"\[")):
        figure_in(_results(0.8, 0.5), metric)


def test_mean_and_spread_are_over_seeds() -> None:
    found = _outcome(_seed(1, 0.80), _seed(2, 0.90), _seed(3, 0.85)).as_dict()["figures"]["accuracy"]
    assert found["mean"] == pytest.approx(0.85)
    assert found["standard_deviation"] == pytest.approx(0.05)
    assert found["by_seed"] == {"1": 0.8, "2": 0.9, "3": 0.85}
    assert found["n"] == 100


def test_one_seed_has_no_spread() -> None:
    assert _outcome(_seed(1, 0.8)).as_dict()["figures"]["accuracy"]["standard_deviation"] is None


def test_folds_are_averaged_within_their_seed() -> None:
    folds = (_seed(1, 0.6, "/fold-01"), _seed(1, 0.8, "/fold-02"), _seed(2, 0.8, "/fold-01"), _seed(2, 1.0, "/fold-02"))
    found = _outcome(*folds).as_dict()["figures"]["accuracy"]
    assert found["by_seed"] == pytest.approx({"1": 0.7, "2": 0.9})
    assert found["standard_deviation"] == pytest.approx(0.2 / 2**0.5)
    assert found["n"] == 200


def test_every_model_stands_there_with_its_digest_and_commands() -> None:
    (model,) = _outcome(_seed(1, 0.8)).as_dict()["models"]
    assert model["bundle"] == "sha256:" + "a" * 64
    assert model["commands"] == ["earshot train", "earshot eval run"]
    assert model["figures"]["accuracy"]["n"] == 100


def test_the_table_shows_published_figures_below_our_own() -> None:
    ours, *theirs = _outcome(_seed(1, 0.80), _seed(2, 0.90)).as_markdown().splitlines()[2:]
    assert "| 85.00 ± 7.07 (n = 100) |" in ours
    assert "--seeds 1 2 3" in ours
    assert [line.split(" | ")[:2] for line in theirs] == [
        ["| BERT tuned, Casanueva et al. 2020", "93.7"],
        ["| RoBERTa-large, about", "94.3"],
    ]
