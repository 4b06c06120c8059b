"""Posts whose labels nobody asks for: unlabelled ones, and held-out ones. Knows nothing of taxonomies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from earshot.normalization import normalize
from earshot.tables import read_table, require_columns


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one file.

    Attributes:
        texts: Normalized, none of them empty.
        sha256: Of the whole file.
        skipped_rows: Rows without a readable text.
    """

    texts: list[str]
    sha256: str
    skipped_rows: int


def read_texts(path: Path, columns: Mapping[str, str]) -> Texts:
    """Read the texts of a file; rows without one are counted.

    Args:
        path: JSONL, CSV or Parquet with `text`.
        columns: Our name of a column to the file's own.

    Raises:
        DataError: The file cannot be read or has no texts.
    """
    table = read_table(path, columns={ours: theirs for ours, theirs in columns.items() if ours == "text"})
    require_columns(table, ["text"])
    read = [normalize(row["text"]) for _, row in table.rows if isinstance(row.get("text"), str)]
    texts = [text for text in read if text]
    return Texts(texts, table.sha256, len(table.rows) - len(texts) + len(table.problems))
