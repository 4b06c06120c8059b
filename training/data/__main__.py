"""`earshot data`: the command line of the data side."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from earshot.command_line import column_option, needs_extra
from earshot.feedback.location import DEFAULT_DATABASE
from earshot.records import read_labelled
from earshot.taxonomy import Taxonomy
from training.config import TrainingConfig

DATA = Path(__file__).parents[2] / "data"
"""Where a clone of the repository keeps overlays and `sources.toml`."""

_DEFAULTS = TrainingConfig()

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
    """Check labelled posts, get the public ones, and those that people corrected."""


@data.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labelled posts that must share none with FILE, such as a benchmark. May be repeated.",
)
@_taxonomy
@column_option
@click.option("-o", "--output", default="runs/data-check", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--similarity",
    default=_DEFAULTS.split.near_duplicate_similarity,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Jaccard similarity of word 3-grams from which two posts are near-duplicates.",
)
@click.option(
    "--tokenizer", type=click.Path(path_type=Path), help="A tokenizer.json; by default that of the default encoder."
)
@click.option("--max-tokens", default=_DEFAULTS.model.max_tokens, show_default=True, type=click.IntRange(min=8))
@click.option("--language", default="en", show_default=True, help="ISO 639-1 code of what posts should be in.")
@click.option("--label-issues/--no-label-issues", default=True, help="Search for doubtful labels; takes longest.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(min=2), help="Of that search.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, type=click.IntRange(min=0))
def check(
    files: tuple[Path, ...],
    against: tuple[Path, ...],
    taxonomy: Path | None,
    columns: dict[str, str],
    output: Path,
    similarity: float,
    tokenizer: Path | None,
    max_tokens: int,
    language: str,
    folds: int,
    seed: int,
    *,
    label_issues: bool,
) -> None:
    """Check labelled posts before a training: rows, duplicates, leakage, balance, length, language, doubtful labels.

    Writes report.html and label_issues.csv (with texts: not for publication) and check.json (without). Nothing is
    changed. Exits 1 when there is an error: unusable rows, posts shared with --against, copies of one post with
    different categories that nobody marked ambiguous, or a single category. All else is a warning.
    """
    with needs_extra("earshot data", "training"):
        from training.data import check as checking
        from training.data.findings import weigh
        from training.data.lengths import default_tokenizer

        request = checking.Request(
            files=files,
            against=against,
            taxonomy=Taxonomy.load(taxonomy) if taxonomy else Taxonomy.default(),
            columns=columns,
            similarity=similarity,
            tokenizer=tokenizer or default_tokenizer(),
            max_tokens=max_tokens,
            max_characters=_DEFAULTS.model.max_characters,
            language=language,
            label_issues=label_issues,
            folds=folds,
            seed=seed,
            command=shlex.join(["earshot", *sys.argv[1:]]),
        )
        checked = checking.check(request)
    findings = weigh(checked)
    checking.write(request, checked, findings, output)
    click.echo(f"{len(checked.posts):,} usable posts in {len(files)} file(s)")
    for finding in findings:
        click.echo(f"{finding.severity + ':':9}{finding.says}")
    click.echo(f"wrote {output}/: report.html, label_issues.csv, check.json")
    if not checking.passed(findings):
        click.get_current_context().exit(1)


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
    with needs_extra("earshot data", "training"):
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
    with needs_extra("earshot data", "training"):
        from training.data.fetch import parts_in
        from training.data.overlays import overlay_rows, write_overlays
        from training.data.sources import load_sources
    sources = load_sources(catalogue)
    posts = read_labelled(file, Taxonomy.load(taxonomy) if taxonomy else Taxonomy.default()).posts
    parts = parts_in(folder, sources) if folder and not benchmark else {}
    rows = overlay_rows(posts, parts, None if benchmark else sources)
    for path, count in write_overlays(output, rows).items():
        click.echo(f"wrote {path}: {count:,} rows")


@data.command("join")
@click.argument("posts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--overlays",
    multiple=True,
    default=("data/overlays",),
    show_default=True,
    type=click.Path(path_type=Path),
    help="A folder of label overlays; of two that name the same post the later one's label is taken. May be repeated.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The JSONL file to write.")
def join_labels(posts: tuple[Path, ...], overlays: tuple[Path, ...], output: Path) -> None:
    """Put the labels of overlays to public POSTS that you already have, by source, key and SHA-256 of the text."""
    with needs_extra("earshot data", "training"):
        from training.data.join import join
    joined = join(posts, [Path(folder) for folder in overlays])
    joined.write(output)
    click.echo(f"wrote {output}: {len(joined.rows):,} labelled posts; {joined.unlabelled:,} posts have no label")
    if joined.missing:
        click.echo(f"earshot: {joined.missing:,} labels have no post in these files", err=True)
        click.get_current_context().exit(1)


@data.command("export-feedback")
@click.option("-o", "--output", default="runs/feedback.jsonl", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--database",
    default=DEFAULT_DATABASE,
    show_default=True,
    envvar="EARSHOT_FEEDBACK_DATABASE",
    show_envvar=True,
    help="Where the service keeps corrections.",
)
@click.option(
    "--posts",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Posts whose corrections came without their text, found by its SHA-256. May be repeated.",
)
@column_option
@_taxonomy
def export_feedback(
    output: Path, database: str, posts: tuple[Path, ...], columns: dict[str, str], taxonomy: Path | None
) -> None:
    """Make labelled data of what people corrected.

    One row for each post, by the latest correction, with who said so, when, and which model had said what. Where people
    disagree on the category, the row is marked ambiguous; a file beside, ….conflicts.jsonl, lists every disagreement.
    """
    with needs_extra("earshot data export-feedback", "training"):
        from earshot.feedback.store import FeedbackStore
        from training.data import feedback
        from training.data.fetch import write_labelled
    known = Taxonomy.load(taxonomy) if taxonomy else Taxonomy.default()
    texts = feedback.read_texts(posts, columns)
    store = FeedbackStore.open(database, make=False)
    try:
        harvest = feedback.harvest(store.corrections(), known, texts)
    finally:
        store.close()
    digest = write_labelled(output, harvest.rows)
    beside = output.with_suffix(".conflicts.jsonl")
    write_labelled(beside, harvest.conflicts)
    click.echo(f"{harvest.corrections:,} corrections in {store.database}")
    for name, count in harvest.other_taxonomy.items():
        click.echo(f"left out: {count:,} corrections with labels of {name} that {known.name}/{known.version} lacks")
    if harvest.without_text:
        click.echo(f"left out: {harvest.without_text:,} posts whose text is not known; name files with it by --posts")
    click.echo(f"wrote {output}: {len(harvest.rows):,} rows, sha256:{digest}")
    click.echo(f"wrote {beside}: {len(harvest.conflicts):,} posts on which people disagree")


if __name__ == "__main__":
    data()
