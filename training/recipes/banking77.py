"""Banking77: 77 intents of a bank's customers (Casanueva et al. 2020, arXiv 2003.04807)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from training.recipes.recipe import BenchmarkPost, Parts, Published, Recipe, UpstreamFile


def _posts(content: bytes) -> list[BenchmarkPost]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    return [BenchmarkPost(row["text"], row["category"]) for row in rows]


def read(contents: Sequence[bytes]) -> Parts:
    """Read `train.csv` and `test.csv`: columns `text` and `category`."""
    train, test = contents
    return {"train": _posts(train), "test": _posts(test)}


RECIPE = Recipe(
    name="banking77",
    title="Banking77",
    split="official test split",
    licence="CC-BY-4.0",
    files=(
        UpstreamFile(
            "benchmarks/banking77/train.csv", "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b"
        ),
        UpstreamFile(
            "benchmarks/banking77/test.csv", "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d"
        ),
    ),
    read=read,
    metrics=("accuracy", "macro_f1"),
    published=(
        Published("BERT tuned, Casanueva et al. 2020", {"accuracy": 0.9366}),
        Published("RoBERTa-large, about", {"accuracy": 0.943}),
    ),
    examples={
        "card_arrival": ("My new card has been in the mail for a while, where is it now?",),
        "lost_or_stolen_card": ("Somebody took my card out of my bag on the tram",),
        "exchange_rate": ("Which rate do you use when I change crowns into dollars?",),
    },
)
