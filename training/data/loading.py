"""Labelled posts as a Hugging Face `datasets` set; streamed, the data may be larger than memory.

The taxonomy becomes the set's features, so that a label is its index everywhere and an unknown one is refused. Rows are
read one after another, not by `datasets`, whose CSV reader takes a post that says "nan" for a missing one. The only
file that knows `datasets`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pyarrow.parquet

from earshot.errors import DataError, RowProblem
from earshot.lazy_rows import Row
from earshot.tables import format_of, sha256_of
from earshot.taxonomy import Taxonomy

_ROWS_AT_ONCE = 1024


def features(taxonomy: Taxonomy) -> datasets.Features:
    """The columns of a set of labelled posts: `text`, `category`, `secondary`, `ambiguous`, and `urgency` if any."""
    category = datasets.ClassLabel(names=list(taxonomy.category_names))
    columns: dict[str, Any] = {
        "text": datasets.Value("string"),
        "category": category,
        "secondary": datasets.List(category),
        "ambiguous": datasets.Value("bool"),
    }
    if taxonomy.urgencies:
        columns["urgency"] = datasets.ClassLabel(names=list(taxonomy.urgency_names))
    return datasets.Features(columns)


def load_posts(
    files: Sequence[Path], taxonomy: Taxonomy, *, columns: Mapping[str, str] | None = None
) -> datasets.Dataset:
    """Read labelled files into a set that lies on disk, memory-mapped.

    Args:
        files: JSONL, CSV or Parquet.
        taxonomy: The labels that may occur.
        columns: Our name of a column to the files' own name.

    Raises:
        DataError: A file cannot be read, or a row cannot be used; the first such row is named.
    """
    arguments = _arguments(files, taxonomy, columns)
    # The digests are what the set is kept under: a changed file is read again.
    arguments["digests"] = [sha256_of(path) for path in files]
    try:
        made = datasets.Dataset.from_generator(_examples, features=features(taxonomy), gen_kwargs=arguments)
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, DataError):
            raise error.__cause__ from None
        raise
    if not isinstance(made, datasets.Dataset):
        raise TypeError(f"datasets made a {type(made).__name__} of a map-style set")
    return made


def stream_posts(
    files: Sequence[Path], taxonomy: Taxonomy, *, columns: Mapping[str, str] | None = None
) -> datasets.IterableDataset:
    """Read labelled files row by row, each time that the set is gone through; nothing is kept.

    Args:
        files: JSONL, CSV or Parquet; each is one shard.
        taxonomy: The labels that may occur.
        columns: Our name of a column to the files' own name.

    Raises:
        DataError: While it is gone through: a file cannot be read, or a row cannot be used.
    """
    return datasets.IterableDataset.from_generator(
        _examples, features=features(taxonomy), gen_kwargs=_arguments(files, taxonomy, columns)
    )


def _arguments(files: Sequence[Path], taxonomy: Taxonomy, columns: Mapping[str, str] | None) -> dict[str, Any]:
    """As plain values: `datasets` hashes and pickles them. The list of files is what it shards by."""
    return {
        "files": [str(path) for path in files],
        "taxonomy": taxonomy.model_dump_json(),
        "columns": {**(columns or {})},
    }


def _examples(
    files: list[str], taxonomy: str, columns: dict[str, str], digests: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    known = Taxonomy.model_validate_json(taxonomy)
    for name in files:
        path = Path(name)
        try:
            for number, row in _READERS[format_of(path)](path):
                if not isinstance(row, dict):
                    raise DataError(str(path), [RowProblem(number, None, "not a JSON object")])
                named = {**row, **{ours: row.get(theirs) for ours, theirs in columns.items()}}
                yield _example(named, known, path, number)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, csv.Error, pyarrow.ArrowException) as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def _example(row: Row, taxonomy: Taxonomy, path: Path, number: int) -> dict[str, Any]:
    text, urgency, secondary = row.get("text"), row.get("urgency"), row.get("secondary") or []
    if isinstance(secondary, str):
        secondary = [part.strip() for part in secondary.split(";") if part.strip()]
    asked: list[tuple[str, object, Sequence[str]]] = [("category", row.get("category"), taxonomy.category_names)]
    asked += [("secondary", label, taxonomy.category_names) for label in secondary]
    if taxonomy.urgencies and urgency:
        asked.append(("urgency", urgency, taxonomy.urgency_names))
    if not isinstance(text, str) or not text.strip():
        raise DataError(str(path), [RowProblem(number, "text", "missing, empty or not a string")])
    for column, label, names in asked:
        if label not in names:
            raise DataError(str(path), [RowProblem(number, column, f"unknown label {str(label)[:60]!r}")])
    example = {
        "text": text,
        "category": row["category"],
        "secondary": secondary,
        "ambiguous": str(row.get("ambiguous")).strip().lower() in ("true", "1", "yes"),
    }
    return example | ({"urgency": urgency or None} if taxonomy.urgencies else {})


def _jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        yield from ((number, json.loads(line)) for number, line in enumerate(file, start=1) if line.strip())


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from enumerate(csv.DictReader(file, strict=True), start=1)


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    with pyarrow.parquet.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(_ROWS_AT_ONCE) for row in batch.to_pylist())
        yield from enumerate(rows, start=1)


_READERS: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
