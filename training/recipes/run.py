"""`python -m training.recipes.run NAME --seeds 1 2 3`: train, judge, and say what came out beside published figures.

Stopped at any moment, the same command goes on: finished models are told by their bundles, an unfinished one by its
checkpoint.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click

from earshot.command_line import set_option
from training.config import TrainingConfig, typed
from training.recipes.catalogue import RECIPES
from training.recipes.child import run_earshot
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
@click.option("--network", is_flag=True, help="Judge the network in PyTorch, and export nothing: quick on a GPU.")
@click.option("--teacher", help="Hugging Face id or folder of an encoder that is cross-fitted first, and taught from.")
def run(
    name: str,
    seeds: tuple[int, ...],
    more_seeds: tuple[int, ...],
    data_root: Path,
    output: Path | None,
    settings: dict[str, str],
    teacher: str | None,
    *,
    network: bool,
) -> None:
    """Train the benchmark NAME with each seed, judge every bundle, and write results.json and results.md."""
    recipe, folder = RECIPES[name], work_folder_of(name, output)
    command = shlex.join(["python", "-m", "training.recipes.run", *sys.argv[1:]])
    with refusing():
        work = WorkFolder.prepare(recipe, data_root, folder)
        if teacher is not None:
            work = _taught(recipe, work, teacher)
        every_seed = dict.fromkeys((*seeds, *more_seeds))
        judged = (_networks if network else _bundles)(recipe, work, list(every_seed), settings)
        outcome = Outcome(recipe, list(judged), command, "network in PyTorch" if network else "int8 bundle")
        text = outcome.as_markdown()
        (folder / RESULTS).write_text(json.dumps(outcome.as_dict(), indent=1) + "\n", encoding="utf-8")
        (folder / MARKDOWN).write_text(text, encoding="utf-8")
    click.echo(text)
    click.echo(f"wrote {folder / RESULTS} and {folder / MARKDOWN}", err=True)


def _bundles(recipe: Recipe, work: WorkFolder, seeds: list[int], settings: dict[str, str]) -> Iterator[Judged]:
    told = tuple(f"{key}={value}" for key, value in settings.items())
    trials = [Trial(recipe, work, part, seed, told) for seed in seeds for part in work.parts]
    for number, trial in enumerate(trials, start=1):
        click.echo(f"[{number}/{len(trials)}] {trial.recipe.title}, {trial.name}", err=True)
        config = expected_config(trial.recipe, trial.seed, trial.all_settings())
        commands = (trial.train_arguments(), trial.eval_arguments())
        yield Judged(
            trial.name, trial.seed, trial.run(config), tuple(shlex.join(["earshot", *one]) for one in commands)
        )


def _networks(recipe: Recipe, work: WorkFolder, seeds: list[int], settings: dict[str, str]) -> Iterator[Judged]:
    from training.recipes.network_trial import NetworkTrial

    for seed in seeds:
        for part in work.parts:
            config = expected_config(recipe, seed, {**part.settings, **settings})
            trial = NetworkTrial(recipe, work, part, config)
            click.echo(f"{recipe.title}, {trial.name}", err=True)
            yield Judged(trial.name, seed, trial.run(), ())


def _taught(recipe: Recipe, work: WorkFolder, teacher: str) -> WorkFolder:
    """The same parts, each learned with what a teacher says that was cross-fitted on its training posts."""
    parts = []
    for part in work.parts:
        answers = part.train.with_name("teacher.npz")
        arguments = ["teach", "--config", str(recipe.teacher_config), "--taxonomy", str(work.taxonomy)]
        arguments += ["--data", str(part.train), "--base-model", teacher, "--output", str(answers)]
        if not answers.is_file():
            click.echo(f"{recipe.title}, teacher {part.name}", err=True)
            run_earshot(arguments)
        parts.append(replace(part, settings={"distillation.teachers": f"['{answers}']"}))
    return replace(work, parts=tuple(parts))


def expected_config(recipe: Recipe, seed: int, settings: Mapping[str, str]) -> TrainingConfig:
    """The configuration that `earshot train` will read for a seed."""
    return TrainingConfig.load(recipe.config, {"seed": seed, **{key: typed(value) for key, value in settings.items()}})


if __name__ == "__main__":
    run()
