"""Labels put to posts that one already has: overlays joined by the source's key and the SHA-256 of the text.

`fetch` reads the files of the sources themselves; this is for posts that were collected in another way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earshot.tables import read_table, require_columns
from training.data.cleaning import text_sha256
from training.data.overlays import BENCHMARK, OverlayRow, read_overlay

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Joined:
    """What came out.

    Attributes:
        rows: Labelled posts, sorted by id.
        unlabelled: Posts that no overlay knows.
        missing: Labels whose post is in none of the files.
    """

    rows: list[dict[str, Any]]
    unlabelled: int
    missing: int

    def write(self, path: Path) -> None:
        """Write the posts as JSONL, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".writing")
        unfinished.write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows), encoding="utf-8"
        )
        unfinished.replace(path)


def join(posts: Sequence[Path], overlays: Sequence[Path]) -> Joined:
    """Put labels to posts.

    Args:
        posts: Files with `id`, `text`, `source`, `source_id` and `licence`; labels of theirs are passed over.
        overlays: Folders of overlays; where two name the same post, the later folder's is taken.

    Raises:
        DataError: A file of posts cannot be used.
        OverlayError: An overlay cannot be used.
    """
    labels = _labels(overlays)
    found: dict[_Key, dict[str, Any]] = {}
    unlabelled = 0
    for path in posts:
        table = read_table(path)
        require_columns(table, ["id", "text", "source", "source_id", "licence"])
        for _, post in table.rows:
            digest = text_sha256(str(post["text"]))
            key = (str(post["source"]), str(post["source_id"]), digest)
            if (label := labels.get(key)) is None:
                unlabelled += 1
            else:
                found[key] = _labelled(post, label, digest)
    return Joined(sorted(found.values(), key=lambda row: str(row["id"])), unlabelled, len(labels) - len(found))


def _labels(folders: Iterable[Path]) -> dict[_Key, OverlayRow]:
    files = [path for folder in folders for path in sorted(folder.glob("*.jsonl")) if path.stem != BENCHMARK]
    rows = (row for path in files for row in read_overlay(path))
    return {(row.source, row.source_id, row.text_sha256): row for row in rows if not row.evaluation_only}


def _labelled(post: dict[str, Any], label: OverlayRow, digest: str) -> dict[str, Any]:
    return {
        "id": label.id,
        "text": post["text"],
        "category": label.category,
        "secondary": list(label.secondary),
        "urgency": label.urgency,
        "ambiguous": label.ambiguous,
        "source": label.source,
        "source_id": label.source_id,
        "licence": post["licence"],
        "text_sha256": digest,
    }
