"""`earshot train`, `earshot teach` and `earshot tune`: the command line of training."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from earshot.command_line import column_option, needs_extra, set_option
from earshot.parity import ParityError
from earshot.taxonomy import Taxonomy
from earshot.tracking_uri import DEFAULT, VARIABLE
from training.config import TrainingConfig, typed

if TYPE_CHECKING:
    from training.request import Request

Command = Callable[..., None]
_FILE = click.Path(dir_okay=False, path_type=Path)

_DATA_OPTIONS = (
    click.option(
        "--data",
        "data",
        multiple=True,
        required=True,
        type=_FILE,
        help="Labelled posts: JSONL, CSV or Parquet with `text` and `category`. May be repeated.",
    ),
    click.option(
        "--held-out",
        "held_out",
        multiple=True,
        type=_FILE,
        help="Posts that shall judge the model: they and their near-duplicates are not learned from. May be repeated.",
    ),
    click.option("--taxonomy", type=click.Path(path_type=Path), help="TOML or JSON; by default the built-in taxonomy."),
    click.option("--config", "config_file", type=click.Path(path_type=Path), help="A TOML file of training settings."),
    click.option("--base-model", help="Hugging Face id or folder of the encoder to start from."),
    set_option,
    column_option,
    click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out instead of refusing the file."),
)
_BUNDLE_OPTIONS = (
    click.option(
        "--validation",
        multiple=True,
        type=_FILE,
        help="Labelled posts to validate on, instead of a part of the data. May be repeated.",
    ),
    click.option("--tracking-uri", envvar=VARIABLE, default=DEFAULT, show_default=True),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options of everything that learns say."""

    data: tuple[Path, ...]
    held_out: tuple[Path, ...]
    taxonomy: Path | None
    config_file: Path | None
    base_model: str | None
    settings: dict[str, str]
    columns: dict[str, str]
    skip_bad_rows: bool
    validation: tuple[Path, ...] = ()
    tracking_uri: str = DEFAULT

    def request(self, output: Path) -> Request:
        """What was asked for, to be written to `output`."""
        from training.request import Request

        overrides = {name: typed(value) for name, value in self.settings.items()}
        if self.base_model:
            overrides["model.base_model"] = self.base_model
        return Request(
            data=self.data,
            output=output,
            taxonomy=Taxonomy.load(self.taxonomy) if self.taxonomy else Taxonomy.default(),
            config=TrainingConfig.load(self.config_file, overrides),
            validation=self.validation,
            held_out=self.held_out,
            columns=self.columns,
            skip_bad_rows=self.skip_bad_rows,
            tracking_uri=self.tracking_uri,
            command=shlex.join(["earshot", *sys.argv[1:]]),
        )


_ASKED = frozenset(field.name for field in fields(_Asked))


def _asking(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a command what these options say as one argument, `asked`."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_asked(**given: object) -> None:
            command(_Asked(**{name: given.pop(name) for name in _ASKED & given.keys()}), **given)  # type: ignore[arg-type]

        asking: Command = with_asked
        for option in reversed(options):
            asking = option(asking)
        return asking

    return decorate


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@_asking(*_DATA_OPTIONS, *_BUNDLE_OPTIONS)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The bundle folder to write.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same bundle.")
@click.option("--restart", is_flag=True, help="Throw an interrupted training away and start over.")
@click.option("--keep-weights", is_flag=True, help="Also put the PyTorch weights into the bundle, for --backend torch.")
@click.option("--keep-checkpoints", is_flag=True, help="Leave checkpoints and graphs in OUTPUT.training.")
def train(
    asked: _Asked, output: Path, *, resume: bool, restart: bool, keep_weights: bool, keep_checkpoints: bool
) -> None:
    """Fine-tune, calibrate, choose thresholds, export to ONNX, check parity, write a bundle, log to MLflow."""
    with needs_extra("earshot train", "training"):
        from training.processes import Processes
        from training.train import assist
        from training.train import train as run
    if keep_weights:
        asked = replace(asked, settings=asked.settings | {"export.weights": "true"})
    request = replace(asked.request(output), resume=resume, restart=restart, keep_checkpoints=keep_checkpoints)
    if not Processes().is_first:
        assist(request)
        return
    try:
        bundle = run(request, _say)
    except ParityError as error:
        click.echo(f"earshot: {error}", err=True)
        click.get_current_context().exit(1)
    click.echo(f"{bundle.folder}  {bundle.manifest.name} {bundle.manifest.version}  {bundle.manifest.digest}")


@click.command()
@_asking(*_DATA_OPTIONS)
@click.option("--unlabelled", multiple=True, type=_FILE, help="Posts to answer on as well. May be repeated.")
@click.option("--folds", default=4, show_default=True, type=click.IntRange(min=2), help="How many networks.")
@click.option("--output", required=True, type=_FILE, help="The file of answers to write, .npz.")
def teach(asked: _Asked, unlabelled: tuple[Path, ...], folds: int, output: Path) -> None:
    """Train a teacher in folds, and write what it says of each post that it did not learn from.

    The file is for `distillation.teachers`: a model that is too large to be served can teach one that is not. Nothing
    is exported. Interrupted, the same command goes on with the fold that it was at.
    """
    with needs_extra("earshot teach", "training"):
        from training.processes import Processes
        from training.teach import teach as run
    if Processes().count > 1:
        raise click.UsageError("a teacher is cross-fitted in one process: launch it without accelerate or torchrun")
    if output.suffix != ".npz":
        raise click.UsageError(f"--output: a file of answers ends in .npz, not in '{output.suffix}'")
    request = replace(asked.request(output), resume=True)
    click.echo(run(request, folds, unlabelled, _say))


@click.command()
@_asking(*_DATA_OPTIONS, *_BUNDLE_OPTIONS)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The folder of the search.")
@click.option("--trials", default=20, show_default=True, type=click.IntRange(min=1), help="How many in the end.")
def tune(asked: _Asked, output: Path, trials: int) -> None:
    """Search for the settings that train best, and write them to OUTPUT/best.toml for `earshot train --config`.

    `[search.space]` of the configuration file says what may be tried. Trials are judged on the validation
    posts, never on a benchmark. Interrupted, the same command goes on.
    """
    with needs_extra("earshot tune", "training"):
        from training.processes import Processes
        from training.search_space import SearchConfig
        from training.tune import Search
        from training.tune import tune as run
    if Processes().count > 1:
        raise click.UsageError("a search runs in one process: launch it without accelerate or torchrun")
    base = replace(asked.request(output / "trial"), resume=True)
    search = Search(base, SearchConfig.load(asked.config_file, base.config), output, trials)
    best = run(search, _say)
    click.echo(f"{search.best}  trial {best.number}  selection score {best.value:.4f} on validation")
