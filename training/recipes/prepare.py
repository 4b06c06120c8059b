"""`python -m training.recipes.prepare NAME`: a benchmark's files as labelled posts and a taxonomy, outside git."""

from __future__ import annotations

from pathlib import Path

import click

from training.recipes.catalogue import RECIPES
from training.recipes.recipe import RecipeError
from training.recipes.work_folder import WorkFolder

name_argument = click.argument("name", type=click.Choice(list(RECIPES)))
data_root_option = click.option(
    "--data-root",
    envvar="EARSHOT_DATA",
    show_envvar=True,
    default=Path("../shared/data"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder that holds benchmarks/.",
)
output_option = click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="The work folder; by default runs/recipes/NAME."
)


def work_folder_of(name: str, output: Path | None) -> Path:
    """Where a recipe works when nobody says otherwise: beside the others, where `earshot eval --data-root` looks."""
    return output or Path("runs/recipes") / name


@click.command()
@name_argument
@data_root_option
@output_option
def prepare(name: str, data_root: Path, output: Path | None) -> None:
    """Read the benchmark NAME and write its parts as JSONL, with a taxonomy."""
    try:
        prepared = WorkFolder.prepare(RECIPES[name], data_root, work_folder_of(name, output))
    except RecipeError as error:
        raise click.UsageError(str(error)) from error
    for part in prepared.parts:
        files = [file for file in (part.train, part.validation, part.test) if file is not None]
        click.echo("  ".join(str(file) for file in files))
    click.echo(prepared.taxonomy)


if __name__ == "__main__":
    prepare()
