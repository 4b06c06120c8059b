"""Made-up sources of every format, their catalogue and overlays, and a command line to call."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from earshot.__main__ import main
from training.data.cleaning import text_sha256
from training.data.overlays import OverlayRow, write_overlays
from training.data.source_files import read_posts
from training.data.sources import Source, load_sources

CATALOGUE = """
[[source]]
name = "tweets"
overlays = ["tweets"]
upstream = "made up"
licence = "MIT"
attribution = "nobody"
path = "tweets/tweets.csv"
format = "csv"
key = "id"
text = ["tweet"]

[[source]]
name = "reviews"
overlays = ["reviews"]
upstream = "made up"
licence = "MIT"
attribution = "nobody"
path = "reviews/reviews.xlsx"
format = "xlsx"
key = "#row"
text = ["Title", "Body"]

[[source]]
name = "forum"
overlays = ["forum_*"]
upstream = "made up"
licence = "CC0-1.0"
attribution = "nobody"
path = "forum/{part}.csv"
format = "csv"
key = "id"
text = ["title", "body"]
separator = " — "

[[source]]
name = "comments"
overlays = ["comments"]
upstream = "made up"
licence = "CC-BY-4.0"
attribution = "nobody"
path = "comments/train.tsv"
format = "tsv"
columns = ["text", "mood", "id"]
key = "id"
text = ["text"]

[[source]]
name = "notices"
overlays = ["notices"]
upstream = "made up"
licence = "CC-BY-4.0"
attribution = "nobody"
path = "notices/notices.json"
format = "json"
key = "Name"
text = ["Description"]
has_tags = true
"""

Earshot = Callable[..., int]


@dataclass(frozen=True)
class World:
    """Public sources that never were."""

    folder: Path
    catalogue: Path
    overlays: Path
    sources: tuple[Source, ...]

    def options(self, where: object) -> list[str]:
        return [
            *("--sources", str(where), "--catalogue", str(self.catalogue), "--overlays", str(self.overlays)),
            *("--cache", str(self.folder.parent / "cache"), "-o", str(self.output)),
        ]

    @property
    def output(self) -> Path:
        return self.folder.parent / "public.jsonl"

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.read_text(encoding="utf-8").splitlines()]


def write_csv(path: Path, rows: list[list[str]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "sources"
    write_csv(
        folder / "tweets" / "tweets.csv",
        [["id", "tweet"], ["1", "It&#39;s   down &amp; out"], ["2", "You’re charging twice"], ["2", "A reused key"]],
    )
    (folder / "reviews").mkdir()
    book = openpyxl.Workbook()
    for cells in (["Title", "Body"], ["Great", "Love it"], [None, "No title here"]):
        book.worksheets[0].append(cells)
    book.save(folder / "reviews" / "reviews.xlsx")
    write_csv(folder / "forum" / "Acme.csv", [["id", "title", "body"], ["a1", "Please add a map", "It would help"]])
    write_csv(
        folder / "forum" / "Zeta.csv", [["id", "title", "body"], ["z1", "Zeta 5 leaked", ""], ["z2", "x" * 800, ""]]
    )
    write_csv(folder / "comments" / "train.tsv", [['She said "thanks" to you', "3", "c1"]], "\t")
    (folder / "notices").mkdir()
    (folder / "notices" / "notices.json").write_text(
        json.dumps([{"Name": "Acme", "Description": "<b>Acme</b> lost <a href='#'>records</a>"}])
    )
    catalogue = tmp_path / "sources.toml"
    catalogue.write_text(CATALOGUE)
    sources = load_sources(catalogue)
    overlays = tmp_path / "overlays"
    write_overlays(overlays, _labels(folder, sources))
    return World(folder, catalogue, overlays, sources)


def _labels(folder: Path, sources: tuple[Source, ...]) -> list[OverlayRow]:
    rows: list[OverlayRow] = []
    for source in sources:
        for part in ("Acme", "Zeta") if source.has_parts else (None,):
            for key, text in read_posts(folder / source.path_of(part), source):
                name = "forum_zoo" if source.has_parts else source.name
                rows.append(
                    OverlayRow(
                        id=f"r{len(rows):02d}",
                        source=name,
                        part=part,
                        source_id=key,
                        text_sha256=text_sha256(text),
                        category="none",
                        urgency="low",
                    )
                )
    return rows


@pytest.fixture
def earshot() -> Earshot:
    """Run the command line and give its exit code."""

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        return int(exit_.value.code or 0)

    return run
