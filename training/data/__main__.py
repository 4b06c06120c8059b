"""`earshot data`: the command line of the data side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from earshot.errors import MissingExtraError
from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy

DATA = Path(__file__).parents[2] / "data"
"""Where a clone of the repository keeps overlays and `sources.toml`."""

_catalogue = click.option(
    "--catalogue",
    default=DATA / "sources.toml",
    type=click.Path(path_type=Path),
    help="What the sources are; by default data/sources.toml of the repository.",
)
_taxonomy = click.option(
    "--taxonomy", type=click.Path(path_type=Path), help="TOML or JSON; by default the built-in taxonomy."
)


@click.group("data")
def data() -> None:
    """Check labelled posts, and get the public ones."""


@data.command()
@click.option("-o", "--output", default="runs/public.jsonl", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--sources",
    "where",
    metavar="DIR_OR_URL",
    help="A folder, file:// or http(s):// address of the source files; by default each source's upstream.",
)
@click.option("--only", multiple=True, metavar="SOURCE[,SOURCE]", help="Only these. May be repeated.")
@click.option(
    "--cache",
    default=Path("~/.cache/earshot/sources"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder that keeps source files; may be thrown away.",
)
@click.option("--refresh", is_flag=True, help="Fetch also the files that are in the cache.")
@click.option("--overlays", default=DATA / "overlays", type=click.Path(path_type=Path), help="The folder of labels.")
@_catalogue
def fetch(
    output: Path,
    where: str | None,
    only: tuple[str, ...],
    cache: Path,
    overlays: Path,
    catalogue: Path,
    *,
    refresh: bool,
) -> None:
    """Get the public posts and join the labels to them.

    Every text is verified by its SHA-256. What is missing is named, and the rest is written; the exit code is then 1.
    Beside OUTPUT lies a .sources.json with the digest of each file. Mind the sources' licences.
    """
    with _extra():
        from training.data import fetch as joining
        from training.data.locations import Cache, open_location
        from training.data.sources import load_sources
    names = [name for names in only for name in names.split(",") if name]
    chosen = joining.chosen_sources(load_sources(catalogue), names)
    with open_location(where) as location:
        kept = Cache(cache.expanduser(), location, refresh=refresh)
        rows, outcomes = joining.join(chosen, overlays, kept)
    for line in joining.summary(outcomes):
        click.echo(line)
    digest = joining.write_labelled(output, rows)
    beside = output.with_name(output.name + ".sources.json")
    beside.write_text(json.dumps(joining.record(location.name, digest, outcomes), indent=1) + "\n", encoding="utf-8")
    click.echo(f"wrote {output}: {len(rows):,} rows, sha256:{digest}; and {beside.name}")
    if not all(outcome.complete for outcome in outcomes):
        click.echo("earshot: some labelled posts have no text: see above", err=True)
        click.get_current_context().exit(1)


@data.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder of overlays.")
@click.option(
    "--sources", "folder", type=click.Path(path_type=Path), help="A folder of source files, or fetch's cache."
)
@click.option("--benchmark", is_flag=True, help="Posts for evaluation only: write benchmark.jsonl, with votes.")
@_catalogue
@_taxonomy
def overlay(
    file: Path, output: Path, folder: Path | None, catalogue: Path, taxonomy: Path | None, *, benchmark: bool
) -> None:
    """Write the labels of public posts as overlays, without their texts.

    Each overlay that FILE has rows of is written anew; others stay as they are. --sources is needed for sources of many
    files: it tells in which of them a row lies.
    """
    with _extra():
        from training.data.fetch import parts_in
        from training.data.overlays import overlay_rows, write_overlays
        from training.data.sources import load_sources
    sources = load_sources(catalogue)
    posts = read_labelled(file, Taxonomy.load(taxonomy) if taxonomy else Taxonomy.default()).posts
    parts = parts_in(folder, sources) if folder and not benchmark else {}
    rows = overlay_rows(posts, parts, None if benchmark else sources)
    for path, count in write_overlays(output, rows).items():
        click.echo(f"wrote {path}: {count:,} rows")


@contextmanager
def _extra() -> Iterator[None]:
    """Around imports of what needs the extra: they take a second, and `earshot --help` imports this module."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"'earshot data' (which lacks {error.name})", "training") from error


if __name__ == "__main__":
    data()
