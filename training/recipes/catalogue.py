"""The benchmarks there are recipes for, by name."""

from __future__ import annotations

from training.recipes import banking77, clinc150, complaint_tweets, semeval2019_task9a
from training.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (banking77.RECIPE, clinc150.RECIPE, complaint_tweets.RECIPE, semeval2019_task9a.RECIPE)
}
