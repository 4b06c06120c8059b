"""Public posts joined with the labels of the overlays, each row's text verified by its SHA-256.

Knows nothing of how files get here or how they are written down.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from earshot.errors import EarshotError
from earshot.lazy_rows import Row
from earshot.tables import sha256_of, write_rows
from training.data.cleaning import text_sha256
from training.data.locations import Cache, FileMissingError, LocationError
from training.data.overlays import OverlayError, OverlayRow, find_overlays, read_overlay
from training.data.source_files import SourceFileError, read_posts
from training.data.sources import Source, SourcesError

SHOWN_IDS = 5


@dataclass(slots=True)
class Joined:
    """What came of one source.

    Attributes:
        source: Its name.
        licence: SPDX identifier.
        attribution: Whom to name.
        expected: Rows of its overlays.
        rows: How many of them have their text.
        missing: Ids of rows whose key no file holds.
        changed: Ids of rows whose key is there with another text.
        files: SHA-256 of each source file, by its path.
        problems: Files that could not be had or read, and why.
    """

    source: str
    licence: str
    attribution: str
    expected: int = 0
    rows: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every row has its text."""
        return self.rows == self.expected


def chosen_sources(sources: Sequence[Source], only: Iterable[str]) -> list[Source]:
    """The sources that were asked for, or all.

    Raises:
        SourcesError: One is unknown.
    """
    wanted = list(only)
    names = [source.name for source in sources]
    for name in wanted:
        if name not in names:
            raise SourcesError(f"no source '{name}', there are {', '.join(names)}")
    return [source for source in sources if not wanted or source.name in wanted]


def join(sources: Sequence[Source], overlays: Path, cache: Cache) -> tuple[list[Row], list[Joined]]:
    """Get the files of sources and give their labelled posts their texts.

    Args:
        sources: Which.
        overlays: The folder of overlays.
        cache: Gives the files.

    Returns:
        The labelled posts that have their text, sorted by id, and what came of each source.

    Raises:
        OverlayError: The overlays cannot be used.
    """
    files = find_overlays(overlays, sources)
    rows: list[Row] = []
    outcomes = []
    for source in sources:
        wanted = [row for path in files[source.name] for row in _trainable(path)]
        outcome = Joined(source.name, source.licence, source.attribution, expected=len(wanted))
        rows += _join_source(source, wanted, cache, outcome)
        outcomes.append(outcome)
    return sorted(rows, key=lambda row: str(row["id"])), outcomes


def _trainable(path: Path) -> list[OverlayRow]:
    rows = read_overlay(path)
    if any(row.evaluation_only for row in rows):
        raise OverlayError(f"{path} holds rows that are for evaluation only, they must not be fetched for training")
    return rows


def _join_source(source: Source, wanted: Sequence[OverlayRow], cache: Cache, outcome: Joined) -> Iterator[Row]:
    parts: dict[str | None, list[OverlayRow]] = defaultdict(list)
    for row in wanted:
        parts[row.part].append(row)
    for part, rows in tqdm(parts.items(), desc=source.name, unit="file", leave=False, disable=None):
        texts: dict[str, dict[str, str]] = {}
        try:
            path = cache.get(source, part)
            outcome.files[source.path_of(part)] = sha256_of(path)
            texts = _texts(path, source, {row.source_id for row in rows})
        except (FileMissingError, SourceFileError) as error:
            outcome.problems.append(str(error))
        except LocationError as error:
            outcome.problems.append(str(error))
            missing = [row for row in wanted if source.path_of(row.part) not in outcome.files]
            outcome.missing += [row.id for row in missing]
            return  # the next file would wait for the same dead connection
        for row in rows:
            text = texts.get(row.source_id, {}).get(row.text_sha256)
            if text is not None:
                outcome.rows += 1
                yield _labelled(row, text, source)
            else:
                (outcome.changed if row.source_id in texts else outcome.missing).append(row.id)


def _texts(path: Path, source: Source, keys: set[str]) -> dict[str, dict[str, str]]:
    """Key to hash to text: keys may repeat, and the hash tells which row is meant."""
    texts: dict[str, dict[str, str]] = {}
    for key, text in read_posts(path, source):
        if key in keys:
            texts.setdefault(key, {})[text_sha256(text)] = text
    return texts


def _labelled(row: OverlayRow, text: str, source: Source) -> Row:
    return {
        "id": row.id,
        "text": text,
        "category": row.category,
        "secondary": list(row.secondary),
        "urgency": row.urgency,
        "ambiguous": row.ambiguous,
        "source": row.source,
        "source_id": row.source_id,
        "licence": source.licence,
        "text_sha256": row.text_sha256,
    }


def write_labelled(path: Path, rows: Sequence[Row]) -> str:
    """Write labelled posts as JSONL, in one step.

    Returns:
        The file's SHA-256.
    """
    temporary = path.with_name(path.name + ".writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write_rows(file, "jsonl", (), rows)
        temporary.replace(path)
    except OSError as error:
        raise EarshotError(f"cannot write {path}: {error.strerror}") from error
    return sha256_of(path)


def record(location: str, digest: str, outcomes: Sequence[Joined]) -> dict[str, Any]:
    """What was fetched from where, with every file's digest; holds no text."""
    return {
        "sources": location,
        "sha256": digest,
        "rows": sum(outcome.rows for outcome in outcomes),
        "expected": sum(outcome.expected for outcome in outcomes),
        "by_source": [asdict(outcome) for outcome in outcomes],
    }


def summary(outcomes: Sequence[Joined]) -> list[str]:
    """A line for each source, and below it what is missing."""
    lines = []
    for outcome in outcomes:
        lines.append(
            f"{outcome.source}: {outcome.rows:,} of {outcome.expected:,} rows from {len(outcome.files):,} file(s), "
            f"{outcome.licence}"
        )
        lines += [f"  {word}" for word in _lacks(outcome)]
    return lines


def _lacks(outcome: Joined) -> Iterator[str]:
    for count_of, ids in (("not found", outcome.missing), ("found with another text", outcome.changed)):
        if ids:
            first = ", ".join(ids[:SHOWN_IDS]) + (", …" if len(ids) > SHOWN_IDS else "")
            yield f"{len(ids):,} {count_of}: {first}"
    yield from outcome.problems[:SHOWN_IDS]
    if len(outcome.problems) > SHOWN_IDS:
        yield f"and {len(outcome.problems) - SHOWN_IDS:,} more such files"


def parts_in(folder: Path, sources: Sequence[Source]) -> dict[tuple[str, str], str]:
    """In which file of a local folder each row lies, for sources of many files.

    Args:
        folder: Laid out as `path` in `sources.toml` says; a fetched cache is too.
        sources: All sources; those of one file are passed over.

    Returns:
        `(source name, key)` to the file's part.
    """
    found: dict[tuple[str, str], str] = {}
    for source in sources:
        if not source.has_parts:
            continue
        before, _, after = source.path.partition("{part}")
        files = sorted((folder / before).glob("*" + after))
        for path in tqdm(files, desc=source.name, unit="file", leave=False, disable=None):
            part = path.name.removesuffix(after)
            found |= {(source.name, key): part for key, _ in read_posts(path, source)}
    return found
