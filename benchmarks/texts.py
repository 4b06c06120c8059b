"""The posts that speed is measured on: the benchmark's where EARSHOT_DATA or ../shared/data has them, else our own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earshot.tables import read_table

_AUTHORED = Path(__file__).parents[1] / "data" / "authored.jsonl"


@dataclass(frozen=True, slots=True)
class Texts:
    """Posts in a random order that is the same each time.

    Attributes:
        name: The file's name.
        texts: The posts.
    """

    name: str
    texts: list[str]

    @classmethod
    def find(cls) -> Texts:
        """Read them."""
        benchmark = Path(os.environ.get("EARSHOT_DATA", "../shared/data")) / "posts" / "benchmark.jsonl"
        path = benchmark if benchmark.is_file() else _AUTHORED
        rows = read_table(path).rows
        order = np.random.default_rng(0).permutation(len(rows))
        return cls(path.name, [str(rows[index][1]["text"]) for index in order])
