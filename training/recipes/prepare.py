"""`python -m training.recipes.prepare NAME`: a benchmark's files as labelled posts and a taxonomy, outside git."""

from __future__ import annotations

from pathlib import Path

import click

from training.recipes.catalogue import RECIPES
from training.recipes.command_line import data_root_option, name_argument, output_option, refusing, work_folder_of
from training.recipes.work_folder import WorkFolder


@click.command()
@name_argument
@data_root_option
@output_option
def prepare(name: str, data_root: Path, output: Path | None) -> None:
    """Read the benchmark NAME and write its parts as JSONL, with a taxonomy."""
    with refusing():
        prepared = WorkFolder.prepare(RECIPES[name], data_root, work_folder_of(name, output))
    for part in prepared.parts:
        files = [file for file in (part.train, part.validation, part.test) if file is not None]
        click.echo("  ".join(str(file) for file in files))
    click.echo(prepared.taxonomy)


if __name__ == "__main__":
    prepare()
