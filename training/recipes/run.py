"""`python -m training.recipes.run NAME --seeds 1 2 3`: train, judge, and say what came out beside published figures.

Stopped at any moment, the same command goes on: finished models are told by their bundles, an unfinished one by its
checkpoint.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from earshot.command_line import set_option
from training.config import TrainingConfig, typed
from training.recipes.catalogue import RECIPES
from training.recipes.command_line import data_root_option, name_argument, output_option, refusing, work_folder_of
from training.recipes.outcome import Judged, Outcome
from training.recipes.recipe import Recipe
from training.recipes.trial import Trial
from training.recipes.work_folder import WorkFolder

RESULTS = "results.json"
MARKDOWN = "results.md"


@click.command()
@name_argument
@click.option("--seeds", multiple=True, default=(1, 2, 3), show_default=True, type=int, help="One training each.")
@click.argument("more_seeds", nargs=-1, type=int, metavar="[SEED]...")
@data_root_option
@output_option
@set_option
def run(
    name: str,
    seeds: tuple[int, ...],
    more_seeds: tuple[int, ...],
    data_root: Path,
    output: Path | None,
    settings: dict[str, str],
) -> None:
    """Train the benchmark NAME with each seed, judge every bundle, and write results.json and results.md."""
    recipe, folder = RECIPES[name], work_folder_of(name, output)
    command = shlex.join(["python", "-m", "training.recipes.run", *sys.argv[1:]])
    with refusing():
        work = WorkFolder.prepare(recipe, data_root, folder)
        trials = [
            Trial(recipe, work, part, seed, tuple(f"{key}={value}" for key, value in settings.items()))
            for seed in dict.fromkeys((*seeds, *more_seeds))
            for part in work.parts
        ]
        outcome = Outcome(recipe, list(_judged(trials, settings)), command)
        text = outcome.as_markdown()
        (folder / RESULTS).write_text(json.dumps(outcome.as_dict(), indent=1) + "\n", encoding="utf-8")
        (folder / MARKDOWN).write_text(text, encoding="utf-8")
    click.echo(text)
    click.echo(f"wrote {folder / RESULTS} and {folder / MARKDOWN}", err=True)


def _judged(trials: list[Trial], settings: dict[str, str]) -> Iterator[Judged]:
    for number, trial in enumerate(trials, start=1):
        click.echo(f"[{number}/{len(trials)}] {trial.recipe.title}, {trial.name}", err=True)
        config = expected_config(trial.recipe, trial.seed, settings)
        commands = (trial.train_arguments(), trial.eval_arguments())
        yield Judged(
            trial.name, trial.seed, trial.run(config), tuple(shlex.join(["earshot", *one]) for one in commands)
        )


def expected_config(recipe: Recipe, seed: int, settings: dict[str, str]) -> TrainingConfig:
    """The configuration that `earshot train` will read for a seed."""
    return TrainingConfig.load(recipe.config, {"seed": seed, **{key: typed(value) for key, value in settings.items()}})


if __name__ == "__main__":
    run()
