"""CLINC150: 150 intents in ten domains, and queries outside them (Larson et al. 2019, arXiv 1909.02027).

In-scope accuracy and out-of-scope recall are theirs: the share of in-scope queries whose intent is right, an in-scope
query taken for out-of-scope being wrong; and the share of out-of-scope queries that are recognized as such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from training.recipes.recipe import BenchmarkPost, PartName, Parts, Published, Recipe, UpstreamFile

OUT_OF_SCOPE = "oos"
_SECTIONS: dict[PartName, tuple[str, str]] = {
    "train": ("train", "oos_train"),
    "validation": ("val", "oos_val"),
    "test": ("test", "oos_test"),
}


def read(contents: Sequence[bytes]) -> Parts:
    """Read `data_full.json`: lists of `[query, intent]` by section, out-of-scope queries in sections of their own."""
    (content,) = contents
    sections = json.loads(content)
    return {
        part: [BenchmarkPost(text, intent) for name in names for text, intent in sections[name]]
        for part, names in _SECTIONS.items()
    }


RECIPE = Recipe(
    name="clinc150",
    title="CLINC150 (full)",
    split="official test split, 4,500 in-scope and 1,000 out-of-scope queries",
    licence="CC-BY-3.0",
    files=(
        UpstreamFile(
            "benchmarks/clinc150/data_full.json", "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0"
        ),
    ),
    read=read,
    metrics=("in_scope_accuracy", "out_of_scope_recall"),
    published=(
        Published(
            "BERT with an out-of-scope class, Larson et al. 2019",
            {"in_scope_accuracy": 0.969, "out_of_scope_recall": 0.403},
        ),
        Published(
            "BERT with a threshold, Larson et al. 2019", {"in_scope_accuracy": 0.962, "out_of_scope_recall": 0.523}
        ),
    ),
    out_of_scope=OUT_OF_SCOPE,
    examples={
        "weather": ("will it be windy by the lake this afternoon",),
        "play_music": ("put on something slow with a cello",),
        OUT_OF_SCOPE: ("why do cats sleep in boxes",),
    },
)
