"""`earshot train`: the command line of training."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from earshot.errors import MissingExtraError
from earshot.taxonomy import Taxonomy
from training.config import TrainingConfig


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, other = value.partition("=")
        if not (name and equals and other):
            raise click.UsageError(f"{option} takes NAME=VALUE, not '{value}'")
        pairs[name] = other
    return pairs


def _typed(value: str) -> Any:  # noqa: ANN401 (whatever TOML can say)
    """Read a value as in the TOML file; a word that is no TOML value is a string."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


@click.command()
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Labelled posts: JSONL, CSV or Parquet with `text` and `category`. May be repeated.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The bundle folder to write.")
@click.option("--taxonomy", type=click.Path(path_type=Path), help="TOML or JSON; by default the built-in taxonomy.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A TOML file of training settings.")
@click.option("--base-model", help="Hugging Face id or folder of the encoder to start from.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="One setting, such as optimization.epochs=2."
)
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="Such as text=body. May be repeated.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out instead of refusing the file.")
@click.option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True)
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same bundle.")
@click.option("--restart", is_flag=True, help="Throw an interrupted training away and start over.")
@click.option("--keep-checkpoints", is_flag=True, help="Leave checkpoints and graphs in OUTPUT.training.")
def train(
    data: tuple[Path, ...],
    output: Path,
    taxonomy: Path | None,
    config_file: Path | None,
    base_model: str | None,
    settings: tuple[str, ...],
    columns: tuple[str, ...],
    tracking_uri: str,
    *,
    skip_bad_rows: bool,
    resume: bool,
    restart: bool,
    keep_checkpoints: bool,
) -> None:
    """Fine-tune, calibrate, choose thresholds, export to ONNX, check parity, write a bundle, log to MLflow."""
    overrides = {name: _typed(value) for name, value in _pairs(settings, "--set").items()}
    if base_model:
        overrides["model.base_model"] = base_model
    config = TrainingConfig.load(config_file, overrides)
    labels = Taxonomy.load(taxonomy) if taxonomy else Taxonomy.default()
    try:
        # Only here: torch takes seconds to import, and `earshot --help` imports this module.
        from training.export_onnx import ParityError
        from training.train import Request
        from training.train import train as run
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"'earshot train' (which lacks {error.name})", "training") from error
    request = Request(
        data=data,
        output=output,
        taxonomy=labels,
        config=config,
        columns=_pairs(columns, "--column"),
        skip_bad_rows=skip_bad_rows,
        tracking_uri=tracking_uri,
        resume=resume,
        restart=restart,
        keep_checkpoints=keep_checkpoints,
        command=shlex.join(["earshot", *sys.argv[1:]]),
    )
    try:
        bundle = run(request, lambda line: click.echo(line, err=True))
    except ParityError as error:
        click.echo(f"earshot: {error}", err=True)
        click.get_current_context().exit(1)
    click.echo(f"{bundle.folder}  {bundle.manifest.name} {bundle.manifest.version}  {bundle.manifest.digest}")
