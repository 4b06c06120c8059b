"""How many replicas a day's posts take, and what they cost, from what `make bench` measured. Measures nothing.

python -m benchmarks.scaling [--figures runs/bench/figures.json] [--page docs/scaling.md]
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cells import Figures
from benchmarks.performance_page import DOLLARS_PER_CORE_HOUR
from benchmarks.text_between import replace_between

_BEGIN, _END = "<!-- computed: begin -->", "<!-- computed: end -->"
_CORES = 2
_SECONDS_A_DAY = 24 * 3600
_MILLIONS = (1, 10, 100)
PEAK = 3.0
"""A busy hour's posts against a day's average: day and night, weekdays, a bad post that spreads."""
LOAD = 0.6
"""Of what a replica can do, the share that it is asked at the peak: the rest keeps queues short and bears a failure."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a load takes.

    Attributes:
        posts_per_s: At the peak.
        replicas: Of two cores, for the peak.
        dollars_a_day: With as many replicas as each hour needs, so by the average.
    """

    posts_per_s: float
    replicas: int
    dollars_a_day: float


def need(posts_a_day: float, replica_posts_per_s: float) -> Need:
    """What so many posts a day take.

    Args:
        posts_a_day: How many come in.
        replica_posts_per_s: What a replica was measured to do.
    """
    average = posts_a_day / _SECONDS_A_DAY
    able = replica_posts_per_s * LOAD
    dollars = average / able * _CORES * 24 * DOLLARS_PER_CORE_HOUR
    return Need(average * PEAK, max(2, math.ceil(average * PEAK / able)), dollars)


def computed(kept: dict[str, dict[str, Figures]]) -> str:
    """The page's computed part."""
    about, figures = kept["depends_on"], kept["figures"]
    lines = [f"- {name}: {value}" for name, value in about.items()]
    for posts in (1, 16):
        measured = figures[f"served/Earshot/{posts}/16"]
        lines += [
            "",
            f"**Posts a request: {posts}**, 16 connections: {measured['posts_per_s']:.0f} posts/s a replica, "
            f"p99 {measured['p99_ms']:.0f} ms, {measured['memory_mb']:.0f} MB resident.",
            "",
            "| million posts a day | posts/s at the peak | replicas of 2 cores | $ a day |",
            "|---|---|---|---|",
        ]
        for millions in _MILLIONS:
            found = need(millions * 1e6, measured["posts_per_s"])
            lines.append(f"| {millions} | {found.posts_per_s:,.0f} | {found.replicas:,} | {found.dollars_a_day:,.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Write the computed part of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, default=Path("runs/bench/figures.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/scaling.md"))
    arguments = parser.parse_args()
    kept = json.loads(arguments.figures.read_text())
    replace_between(arguments.page, _BEGIN, _END, computed(kept))
    print(f"wrote {arguments.page}")


if __name__ == "__main__":
    main()
