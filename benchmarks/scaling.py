"""How many replicas a day's posts take, and what they cost, from what one replica does on this machine.

python -m benchmarks.scaling [--model default] [--page docs/scaling.md]
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.performance_page import DOLLARS_PER_CORE_HOUR
from benchmarks.processor import processor
from benchmarks.served import earshot, under_load
from benchmarks.text_between import replace_between
from benchmarks.texts import Texts
from earshot.bundle import Bundle
from earshot.cpu import available_cpus

_BEGIN, _END = "<!-- computed: begin -->", "<!-- computed: end -->"
_CORES = 2
_CONNECTIONS = 16
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


def measured_and_computed(bundle: Bundle, texts: Texts) -> str:
    """The page's part: what a replica was measured to do, and what follows."""
    lines = [
        f"{bundle.manifest.name} {bundle.manifest.version} ({bundle.manifest.digest}) on {available_cpus()} x "
        f"{processor()}, load generator on the same cores, {_CONNECTIONS} connections; posts of {texts.name}."
    ]
    for posts in (1, 16):
        found = under_load(earshot(bundle.folder), texts.texts, posts, _CONNECTIONS)
        lines += [
            "",
            f"**Posts a request: {posts}**: {found['posts_per_s']:.0f} posts/s a replica, p99 {found['p99_ms']:.0f} "
            f"ms, {found['memory_mb']:.0f} MB resident, {found['failed']:.0f} requests failed.",
            "",
            "| million posts a day | posts/s at the peak | replicas of 2 cores | $ a day |",
            "|---|---|---|---|",
        ]
        for millions in _MILLIONS:
            load = need(millions * 1e6, found["posts_per_s"])
            lines.append(f"| {millions} | {load.posts_per_s:,.0f} | {load.replicas:,} | {load.dollars_a_day:,.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the computed part of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--page", type=Path, default=Path("docs/scaling.md"))
    arguments = parser.parse_args()
    replace_between(arguments.page, _BEGIN, _END, measured_and_computed(Bundle.load(arguments.model), Texts.find()))
    print(f"wrote {arguments.page}")


if __name__ == "__main__":
    main()
