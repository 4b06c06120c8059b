"""Measured figures, kept as they come: an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to measure.

    Attributes:
        name: Unique among them, `group/…`.
        measure: Does it.
    """

    name: str
    measure: Callable[[], Figures]


class Cells:
    """What was measured so far.

    Args:
        path: The file that keeps it.
        depends_on: All that the figures depend on; kept ones with another are thrown away.
    """

    def __init__(self, path: Path, depends_on: Mapping[str, str]) -> None:
        self._path = path
        self._depends_on = dict(depends_on)
        self.figures: dict[str, Figures] = {}
        if path.is_file():
            kept = json.loads(path.read_text())
            if kept["depends_on"] == self._depends_on:
                self.figures = kept["figures"]

    def measure(self, cells: list[Cell], budget_s: float) -> bool:
        """Measure what is missing.

        Args:
            cells: All that there is to measure.
            budget_s: Begin nothing new after so many seconds.

        Returns:
            Whether nothing is missing any more.
        """
        end = time.monotonic() + budget_s
        missing = [cell for cell in cells if cell.name not in self.figures]
        for cell in tqdm(missing, unit="cell", disable=None):
            if time.monotonic() > end:
                return False
            self.figures[cell.name] = cell.measure()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps({"depends_on": self._depends_on, "figures": self.figures}, indent=1))
        return True
