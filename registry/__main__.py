"""`earshot model`: a bundle's life in the registry, from push to production and back."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earshot.bundle import DEFAULT as EMBEDDED
from earshot.bundle import Bundle
from earshot.command_line import needs_extra
from earshot.tracking_uri import DEFAULT, VARIABLE
from registry.reference import CHALLENGER, Reference

if TYPE_CHECKING:
    from registry.history import Entry
    from registry.promotion import Asked
    from registry.store import Registered, Registry

_EXTRA = "registry"


def _registry_options(command: Callable[..., Any]) -> Callable[..., Any]:
    uri = click.option(
        "--tracking-uri",
        envvar=VARIABLE,
        show_envvar=True,
        default=DEFAULT,
        show_default=True,
        help="The MLflow server or database.",
    )
    name = click.option("--name", default="earshot", show_default=True, help="The registered model.")
    return uri(name(command))


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
_who_option = click.option("--who", help="Who asks for it.  [default: the user and host]")


@click.group("model")
def model() -> None:
    """Register a bundle, promote it, go back, and see who did what and why."""


@model.command()
@click.argument("bundle", default=EMBEDDED)
@_registry_options
def push(bundle: str, tracking_uri: str, name: str) -> None:
    """Register BUNDLE (a folder; the embedded one by default) as the newest version, the @challenger."""
    loaded = Bundle.load(bundle)
    with _opened(tracking_uri, name) as registry:
        from registry.push import push as register

        version = register(loaded, registry, _say)
    click.echo(f"models:/{name}/{version.number}  {version.bundle}  {version.digest}  @{CHALLENGER}")


@model.command()
@click.argument("version", default=f"@{CHALLENGER}")
@click.option("--reason", default="", help="Why; it stands in the history. Needed with --force.")
@click.option("--force", is_flag=True, help="Promote it whatever the gates say; the history says so.")
@click.option("--suite", default="benchmark", show_default=True, help="What to judge on, as in 'earshot eval run'.")
@click.option("--data-root", type=click.Path(path_type=Path), help="The folder that shipped suites' data lies in.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("runs/promotion"),
    show_default=True,
    help="Where the results and the comparison are left.",
)
@_who_option
@_registry_options
@click.pass_context
def promote(
    context: click.Context,
    version: str,
    reason: str,
    suite: str,
    data_root: Path | None,
    output: Path,
    who: str | None,
    tracking_uri: str,
    name: str,
    *,
    force: bool,
) -> None:
    """Make VERSION (a number or an @alias) the @champion, if the gates of a suite let it.

    Exits 1 when they don't: then nothing moves, and the attempt stands in the history.
    """
    with _opened(tracking_uri, name) as registry:
        from eval.prediction_cache import cache_folder
        from eval.suite import data_roots
        from registry.judge import SuiteJudge
        from registry.promotion import promote as carry_out

        judge = SuiteJudge(registry, suite, output, data_roots(data_root), cache_folder(), _say)
        entry = carry_out(registry, Reference.of(name, version), judge, _asked(who, reason), force=force)
    click.echo(_said(entry))
    for failure in entry.failures:
        click.echo(f"  {failure}")
    click.echo(f"  report: {output} and {entry.report}")
    context.exit(0 if entry.moved else 1)


@model.command()
@click.option("--reason", required=True, help="Why; it stands in the history.")
@_who_option
@_registry_options
def rollback(reason: str, who: str | None, tracking_uri: str, name: str) -> None:
    """Make the previous champion the @champion again, at once and without asking the gates."""
    with _opened(tracking_uri, name) as registry:
        from registry.promotion import roll_back

        entry = roll_back(registry, _asked(who, reason))
    click.echo(_said(entry))


@model.command()
@_json_option
@_registry_options
@click.pass_context
def history(context: click.Context, tracking_uri: str, name: str, *, as_json: bool) -> None:
    """Print who made what the champion, when and why, oldest first.

    Exits 1 when the alias and the history contradict each other.
    """
    with _opened(tracking_uri, name) as registry:
        from registry.history import disagreement
        from registry.reference import CHAMPION

        entries, broken = registry.history()
        champion = registry.alias(CHAMPION)
    wrong = disagreement(entries, None if champion is None else champion.place)
    if as_json:
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=1))
    else:
        rows = [
            (
                entry.at[:19].replace("T", " "),
                entry.who,
                entry.action,
                f"{entry.before.version if entry.before else '-'} → {entry.after.version}",
                entry.after.model,
                entry.after.digest.removeprefix("sha256:")[:12],
                entry.reason,
            )
            for entry in entries
        ]
        _table(("when (UTC)", "who", "what", "version", "model", "digest", "why"), rows)
    for tag in broken:
        click.echo(f"earshot: the entry {tag} of {name} cannot be read", err=True)
    if wrong:
        click.echo(f"earshot: {wrong}", err=True)
    context.exit(1 if wrong or broken else 0)


@model.command()
@click.argument("version", required=False)
@_json_option
@_registry_options
def show(version: str | None, tracking_uri: str, name: str, *, as_json: bool) -> None:
    """Print all versions, or everything about VERSION (a number, an @alias or a models:/ URI)."""
    with _opened(tracking_uri, name) as registry:
        found = registry.versions() if version is None else [registry.find(Reference.of(name, version))]
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=1))
    elif version is None:
        rows = [
            (
                str(one.number),
                " ".join(f"@{alias}" for alias in one.aliases),
                one.bundle,
                one.digest.removeprefix("sha256:")[:12],
                one.created_at[:19].replace("T", " "),
                _figure(one),
            )
            for one in found
        ]
        _table(("version", "aliases", "model", "digest", "registered (UTC)", "benchmark macro-F1"), rows)
    else:
        for key, value in _as_json(found[0]).items():
            if key != "tags":
                click.echo(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
        for key, value in sorted(found[0].tags.items()):
            click.echo(f"  {key}: {value}")


@model.command()
@click.argument("uri")
@click.argument("folder", type=click.Path(path_type=Path))
@_registry_options
def pull(uri: str, folder: Path, tracking_uri: str, name: str) -> None:
    """Bring the bundle of URI (models:/NAME@ALIAS or models:/NAME/NUMBER) to FOLDER, verified."""
    reference = Reference.of(name, uri)
    with _opened(tracking_uri, reference.name) as registry:
        bundle = registry.pull(reference, folder)
    click.echo(f"{bundle.identity.name} {bundle.identity.version} {bundle.identity.digest} is in {folder}")


@contextmanager
def _opened(uri: str, name: str) -> Iterator[Registry]:
    with needs_extra("earshot model", _EXTRA):
        from registry.store import Registry

        yield Registry(uri, name)


def _say(line: str) -> None:
    click.echo(f"earshot: {line}", err=True)


def _asked(who: str | None, reason: str) -> Asked:
    from registry.origin import git_commit
    from registry.promotion import Asked

    return Asked(who or f"{getpass.getuser()}@{socket.gethostname()}", reason.strip(), git_commit())


def _said(entry: Entry) -> str:
    what = f"{entry.action}: version {entry.after.version} ({entry.after.model})"
    before = f", before it version {entry.before.version} ({entry.before.model})" if entry.before else ""
    return what + before


def _as_json(version: Registered) -> dict[str, Any]:
    return {
        "version": version.number,
        "model": version.bundle,
        "digest": version.digest,
        "registered_at": version.created_at,
        "aliases": list(version.aliases),
        "run_id": version.run_id,
        "tags": version.tags,
    }


def _figure(version: Registered) -> str:
    return version.tags.get("earshot.benchmark.macro_f1", "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    from earshot.__main__ import main

    main(["model", *sys.argv[1:]])
