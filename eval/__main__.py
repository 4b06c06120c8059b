"""`earshot eval`: the command line of the evaluation harness."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from earshot.backend import ONNX
from earshot.bundle import MODEL_CARD, Bundle
from earshot.command_line import backend_option, column_option, needs_extra
from earshot.errors import EarshotError
from earshot.parity import ParityError
from eval.errors import ResultsError
from eval.suite import DATA_VARIABLE, data_roots, named_suite, roots_of, shipped_suites

_MIN_RESAMPLES = 100

_data_root = click.option(
    "--data-root",
    envvar=DATA_VARIABLE,
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="The folder that shipped suites' data lies in; by default ./data and ../shared/data are tried.",
)


@click.group("eval")
def evaluate() -> None:
    """Judge a model on labelled posts, with an interval on every figure."""


@evaluate.command()
@click.option(
    "--model",
    default="default",
    show_default=True,
    help="A bundle folder, a service's URL, models:/NAME@ALIAS, an evaluation's folder, or a file of predictions.",
)
@backend_option
@click.option("--suite", required=True, help="A shipped suite's name, a suite file (.toml), or a labelled data file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder to write.")
@column_option
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the bootstrap.")
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(min=_MIN_RESAMPLES))
@click.option("--skip-bad-rows", is_flag=True, help="Leave unusable rows out instead of refusing the file.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="The folder that keeps predictions for the next run; by default below $EARSHOT_CACHE or ~/.cache/earshot.",
)
@click.option("--track", is_flag=True, help="Log the evaluation to MLflow as well (MLFLOW_TRACKING_URI).")
@click.option("--no-cache", is_flag=True, help="Keep no predictions, and use none.")
@_data_root
@click.pass_context
def run(
    context: click.Context,
    model: str,
    backend: str,
    suite: str,
    output: Path,
    columns: dict[str, str],
    seed: int,
    resamples: int,
    cache: Path | None,
    data_root: Path | None,
    *,
    skip_bad_rows: bool,
    no_cache: bool,
    track: bool,
) -> None:
    """Judge a bundle, a running service, a registered model or recorded predictions on a suite.

    Writes results.json, predictions.jsonl, summary.md and junit.xml (all without any text) and report.html (with
    texts: not for publication). Exits 1 when a gate of the suite fails, 2 when it cannot be judged.
    """
    with needs_extra("earshot eval", "eval"):
        from eval.console import summary
        from eval.evaluation import Resampling
        from eval.prediction_cache import cache_folder
        from eval.predictors import without_credentials
        from eval.run import Request
        from eval.run import run as judge
    typed = ["earshot", "eval", "run", "--model", without_credentials(model), "--suite", suite, "--output", str(output)]
    typed += [word for ours, theirs in columns.items() for word in ("--column", f"{ours}={theirs}")]
    typed += ["--seed", str(seed), "--resamples", str(resamples)]
    typed += ["--backend", backend] if backend != ONNX else []
    typed += ["--skip-bad-rows"] if skip_bad_rows else []
    typed += ["--data-root", str(data_root)] if data_root else []
    request = Request(
        model=model,
        suite=suite,
        output=output,
        data_roots=data_roots(data_root),
        columns=columns,
        skip_bad_rows=skip_bad_rows,
        resampling=Resampling(resamples=resamples, seed=seed),
        command=shlex.join(typed),
        backend=backend,
        cache=None if no_cache else cache or cache_folder(),
    )
    if track:  # before anything is computed, because it may not be installed
        with needs_extra("earshot eval run --track", "registry"):
            from eval.tracking import track as log
    found = judge(request)
    click.echo(summary(found))
    click.echo(f"\nwrote {output}/: results.json, report.html, predictions.jsonl, summary.md, junit.xml")
    if track:
        click.echo(f"logged to MLflow as run {log(found, output)}")
    _exit(context, found.verdict, f"{output}: see the gates and problems above")


@evaluate.command()
@click.argument("champion", type=click.Path(path_type=Path), metavar="DIR_A")
@click.argument("challenger", type=click.Path(path_type=Path), metavar="DIR_B")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write comparison.json, report.html and more.")
@click.option("--suite", help="Use this suite's gates (a name or a file) instead of those that judged DIR_B.")
@click.option("--alpha", default=0.05, show_default=True, type=click.FloatRange(0, 1, min_open=True, max_open=True))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of bootstrap and tests.")
@click.option("--resamples", default=2000, show_default=True, type=click.IntRange(min=_MIN_RESAMPLES))
@click.pass_context
def compare(
    context: click.Context,
    champion: Path,
    challenger: Path,
    output: Path | None,
    suite: str | None,
    alpha: float,
    seed: int,
    resamples: int,
) -> None:
    """Compare a challenger (DIR_B) with the champion (DIR_A) on the same posts; either is what `run` wrote.

    Exits 1 when the challenger is significantly worse or fails a gate, 2 when it cannot be judged, otherwise 0.
    """
    with needs_extra("earshot eval compare", "eval"):
        from eval.comparison import Options
        from eval.comparison import compare as confront
        from eval.comparison_files import write_comparison
        from eval.console import comparison_summary
    gates = named_suite(suite).gates if suite else None
    options = Options(alpha=alpha, resamples=resamples, seed=seed)
    found = confront(champion, challenger, gates=gates, options=options)
    click.echo(comparison_summary(found))
    if output is not None:
        names = write_comparison(found, output)
        click.echo(f"\nwrote {output}/: {', '.join(names)}")
    _exit(context, found.verdict, found.reasons[0])


_EXIT_CODES = {"pass": 0, "fail": 1, "cannot judge": 2}


def _exit(context: click.Context, verdict: str | None, reason: str) -> None:
    """Say on standard error what forbids a release, and leave with the verdict's exit code."""
    code = _EXIT_CODES[verdict or "pass"]
    if code:
        click.echo(f"earshot: {verdict}: {reason}", err=True)
        context.exit(code)


@evaluate.command()
@click.option("--model", default="default", show_default=True, help="A bundle folder; it needs PyTorch weights.")
@click.option("--posts", required=True, type=click.Path(path_type=Path), help="Real posts: a file with `text`.")
@click.option("--limit", default=2000, show_default=True, type=click.IntRange(min=1), help="Compare the first so many.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the random batches.")
@click.pass_context
def parity(context: click.Context, model: str, posts: Path, limit: int, seed: int) -> None:
    """Hold a bundle's graph to its PyTorch weights, and a post's scores in company to those alone.

    Exits 1 when the graph flips too many posts, moves scores too far, or lets neighbours change them.
    """
    with needs_extra("earshot eval parity", "eval"):
        from eval.parity import compare
    found = compare(model, posts, limit=limit, seed=seed)
    click.echo(str(found))
    try:
        found.check()
    except ParityError as error:
        click.echo(f"earshot: {error}", err=True)
        context.exit(1)


@evaluate.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_data_root
@click.pass_context
def validate(context: click.Context, names: tuple[str, ...], data_root: Path | None) -> None:
    """Check suites (names or files), behaviour tests (files or folders) and results (folders) without judging anything.

    Exits 1 when any of them cannot be used, and says why.
    """
    with needs_extra("earshot eval validate", "eval"):
        from eval.validation import validated
    failed = False
    for name in names:
        try:
            click.echo(f"{name}: {validated(name, data_roots(data_root))}")
        except EarshotError as error:
            failed = True
            click.echo(f"earshot: {name}: {error}", err=True)
    if failed:
        context.exit(1)


@evaluate.command("list")
@_data_root
def list_suites(data_root: Path | None) -> None:
    """List the shipped suites and whether their data is on this machine."""
    roots = data_roots(data_root)
    for suite in shipped_suites().values():
        path = suite.find(roots_of(suite, roots))
        where = path or f"missing; set {DATA_VARIABLE} to the folder that holds {suite.data}"
        click.echo(f"{suite.name}\n  {suite.description}\n  data: {where}")


@evaluate.command()
@click.option("--model", required=True, type=click.Path(path_type=Path), help="The bundle folder to write to.")
@click.option("--results", required=True, multiple=True, type=click.Path(path_type=Path), help="What `run` wrote.")
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[RESULTS]...")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the card here as well.")
def card(model: Path, results: tuple[Path, ...], more: tuple[Path, ...], output: Path | None) -> None:
    """Write evaluation results into a bundle's manifest and model card, in place of earlier ones."""
    with needs_extra("earshot eval", "eval"):
        from eval.card import update_card
    bundle = Bundle.load(model)
    text = update_card(bundle, [*results, *more])
    click.echo(f"wrote {bundle.folder / MODEL_CARD}")
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ResultsError(f"cannot write {output}: {error.strerror}") from error
        click.echo(f"wrote {output}")


if __name__ == "__main__":
    evaluate()
