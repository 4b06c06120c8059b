"""What the recipes' commands share: their arguments, and how they refuse. Knows no command."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from earshot.errors import EarshotError
from training.recipes.catalogue import RECIPES

CANNOT_BE_CARRIED_OUT = 2

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
    """Where a recipe works: by default beside the others, for `earshot eval --data-root runs/recipes`."""
    return output or Path("runs/recipes") / name


@contextmanager
def refusing() -> Iterator[None]:
    """Put around a command: what cannot be carried out is said in one line, with exit code 2, as `earshot` does."""
    try:
        yield
    except EarshotError as error:
        click.echo(" ".join(str(error).split()), err=True)
        sys.exit(CANNOT_BE_CARRIED_OUT)
