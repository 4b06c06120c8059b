from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from earshot.taxonomy import Taxonomy
from training.dataset import NO_URGENCY, load_dataset

TAXONOMY = Taxonomy.default()


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_labels_become_indices_and_secondary_categories_pass_too(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "text": "Refund!  Now",
            "category": "billing",
            "secondary": ["complaint"],
            "urgency": "high",
            "licence": "MIT",
        },
        {"text": "hi", "category": "none", "ambiguous": True},
    ]
    dataset, (source,) = load_dataset([_write(tmp_path / "a.jsonl", rows)], TAXONOMY)
    names = TAXONOMY.category_names
    assert dataset.texts == ["Refund! Now", "hi"]
    assert [names[index] for index in dataset.category] == ["billing", "none"]
    assert [names[index] for index in np.flatnonzero(dataset.passing[0])] == ["complaint", "billing"]
    assert dataset.passing[1].sum() == 0, "the out-of-scope class passes for nothing"
    assert dataset.urgency.tolist() == [TAXONOMY.urgency_names.index("high"), NO_URGENCY]
    assert dataset.ambiguous.tolist() == [False, True]
    assert (source.rows, source.skipped_rows, source.licences) == (2, 0, {"MIT": 1, "not stated": 1})


def test_skipped_rows_are_counted_for_the_manifest(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "hi", "category": "none"},
        {"text": "", "category": "leek"},
        {"text": "ho", "category": "none"},
    ]
    dataset, (source,) = load_dataset([_write(tmp_path / "a.jsonl", rows)], TAXONOMY, skip_bad_rows=True)
    assert (len(dataset), source.rows, source.skipped_rows) == (2, 2, 1)
