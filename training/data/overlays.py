"""Overlays: the labels of public posts without the posts, one JSONL file for each `source`.

A row names its post by the source's own key and by the SHA-256 of the cleaned text. Knows nothing of where the source
files lie. What has its default value is left out, so that a file stays small and a change shows as one short line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earshot.errors import DataError, EarshotError, RowProblem
from earshot.records import LabelledPost
from earshot.tables import read_table
from training.data.cleaning import text_sha256
from training.data.sources import Source, SourcesError, source_of

BENCHMARK = "benchmark"
"""The overlay that is for evaluation only: `fetch` never reads it."""
OWN_LICENCE = "project"
"""The licence of posts that were written for this project; they are committed as they are and need no overlay."""

_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OverlayError(EarshotError):
    """An overlay cannot be written or used."""


class OverlayRow(BaseModel):
    """The labels of one public post.

    Attributes:
        id: Our name for the row.
        source: Which set, and which part of it, the post is from.
        part: Which of the source's files it lies in, where there are many.
        source_id: The source's own key of it.
        text_sha256: Of the cleaned text.
        category: As in labelled data.
        secondary: As in labelled data.
        urgency: As in labelled data.
        ambiguous: As in labelled data.
        votes: What each reader said, category and urgency.
        evaluation_only: Never to be trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: _FileName
    part: str | None = None
    source_id: str
    text_sha256: _Digest
    category: str
    secondary: tuple[str, ...] = ()
    urgency: str | None = None
    ambiguous: bool = False
    votes: tuple[tuple[str, str | None], ...] = ()
    evaluation_only: bool = False

    def as_line(self) -> str:
        """The row as a line of an overlay."""
        return json.dumps(self.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False) + "\n"


def read_overlay(path: Path) -> list[OverlayRow]:
    """Read one overlay.

    Raises:
        OverlayError: It cannot be used; the first bad row is named.
    """
    try:
        table = read_table(path)
    except DataError as error:
        raise OverlayError(str(error)) from error
    if table.problems:
        raise OverlayError(f"{path}: {table.problems[0]}")
    rows = []
    for number, row in table.rows:
        try:
            rows.append(OverlayRow.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            column = str(first["loc"][0]) if first["loc"] else None
            raise OverlayError(f"{path}: {RowProblem(number, column, first['msg'])}") from error
    return rows


def find_overlays(folder: Path, sources: Iterable[Source]) -> dict[str, list[Path]]:
    """The overlays of each source, by its name; the benchmark's is never among them.

    Raises:
        OverlayError: The folder holds none.
    """
    files = sorted(path for path in folder.glob("*.jsonl") if path.stem != BENCHMARK)
    found = {source.name: [path for path in files if source.covers(path.stem)] for source in sources}
    if not any(found.values()):
        raise OverlayError(
            f"{folder} holds no label overlays; they come with Earshot's repository, in data/overlays: name the folder "
            "by --overlays"
        )
    return found


def overlay_rows(
    posts: Iterable[LabelledPost],
    parts: Mapping[tuple[str, str], str],
    sources: tuple[Source, ...] | None,
) -> list[OverlayRow]:
    """Make overlay rows of labelled posts.

    Args:
        posts: The posts, each with `source` and `source_id` among its other columns.
        parts: For sources of many files, the file of each `(source name, key)`.
        sources: The sources that they must be from; None for the benchmark, whose sources are not ours to fetch.

    Raises:
        OverlayError: Some rows cannot be named without their text, or must not be here; all are named.
    """
    made: list[OverlayRow] = []
    problems: list[RowProblem] = []
    for post in posts:
        try:
            made.append(_overlay_row(post, parts, sources))
        except ValidationError as error:
            first = error.errors()[0]
            problems.append(RowProblem(post.row, str(first["loc"][0]), first["msg"]))
        except (OverlayError, SourcesError) as error:
            problems.append(RowProblem(post.row, "source", str(error)))
    if problems:
        raise OverlayError(str(DataError(f"{len(problems)} row(s) cannot go into an overlay", problems)))
    return made


def _overlay_row(
    post: LabelledPost, parts: Mapping[tuple[str, str], str], sources: tuple[Source, ...] | None
) -> OverlayRow:
    if post.fields.get("licence") == OWN_LICENCE:
        raise OverlayError(f"its licence is '{OWN_LICENCE}': such posts are committed with their text")
    digest = text_sha256(post.text)
    if post.fields.get("text_sha256", digest) != digest:
        raise OverlayError("'text_sha256' is not the text's")
    row: dict[str, Any] = {
        "id": post.id,
        "source": post.fields.get("source"),
        "source_id": post.fields.get("source_id"),
        "text_sha256": digest,
        "category": post.category,
        "secondary": post.secondary,
        "urgency": post.urgency,
        "ambiguous": post.ambiguous,
    }
    if sources is None:
        row |= {"votes": post.fields.get("votes") or (), "evaluation_only": True}
    else:
        row["part"] = _part(source_of(str(row["source"]), sources), str(row["source_id"]), parts)
    return OverlayRow.model_validate(row)


def _part(source: Source, key: str, parts: Mapping[tuple[str, str], str]) -> str | None:
    if not source.has_parts:
        return None
    if (source.name, key) not in parts:
        raise OverlayError(f"'{key}' lies in none of the files of '{source.name}': name their folder by --sources")
    return parts[source.name, key]


def write_overlays(folder: Path, rows: Sequence[OverlayRow]) -> dict[Path, int]:
    """Write one file for each `source`, in place of an earlier one, sorted by id; other files are left alone.

    Returns:
        How many rows each file written holds.
    """
    names = sorted({BENCHMARK if row.evaluation_only else row.source for row in rows})
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name in names:
        mine = sorted((row for row in rows if (BENCHMARK if row.evaluation_only else row.source) == name), key=_by_id)
        path = folder / f"{name}.jsonl"
        temporary = path.with_suffix(".writing")
        temporary.write_text("".join(row.as_line() for row in mine), encoding="utf-8")
        temporary.replace(path)
        written[path] = len(mine)
    return written


def _by_id(row: OverlayRow) -> str:
    return row.id
