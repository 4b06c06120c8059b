"""Writes docs/performance.md's measured part and its picture from the figures of one run. Measures nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

from benchmarks.cells import Figures
from benchmarks.text_between import replace_between

mpl.use("Agg")
from matplotlib import pyplot as plt

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
DOLLARS_PER_CORE_HOUR = 0.04
"""What clouds ask for a core of a general-purpose machine, to a cent or two."""
_PICTURE = "performance.svg"


def write_page(page: Path, about: Mapping[str, str], figures: Mapping[str, Figures]) -> None:
    """Replace what stands between the marks of a page, and the picture beside it.

    Args:
        page: Markdown with the marks `<!-- measured: begin -->` and `<!-- measured: end -->`.
        about: What was measured, and where.
        figures: By cell.
    """
    lines = [f"- {name}: {value}" for name, value in about.items()]
    parts = ["\n".join(lines), _limit(figures), _in_process(figures), _served(figures), _profile(figures)]
    measured = "\n\n".join([*parts, f"![Posts a second]({_PICTURE})"])
    replace_between(page, _BEGIN, _END, measured)
    _draw(page.with_name(_PICTURE), figures)


def _limit(figures: Mapping[str, Figures]) -> str:
    limit = figures["limit"]
    reached = {group: rows[_own(rows)] for group, rows in _groups(figures, "in process/").items()}
    best = reached["random order/64"]["posts_per_s"]
    return (
        f"**Limit.** {limit['multiply_adds_per_token'] / 1e6:.1f} million multiply-adds a token. The bare integer "
        f"products of this network (`MatMulInteger` in turn, a thread a core) reach "
        f"{limit['giga_operations_per_s']:.0f} GOP/s, which would be {limit['posts_per_s']:.0f} posts/s. Earshot in "
        f"process, 64 posts at a time in random order: {best:.0f} posts/s, {100 * best / limit['posts_per_s']:.0f} % "
        "of the limit."
    )


def _in_process(figures: Mapping[str, Figures]) -> str:
    groups = _groups(figures, "in process/")
    names = list(next(iter(groups.values())))
    head = "| in process, posts/s | " + " | ".join(names) + " |\n|---|" + "---|" * len(names)
    rows = []
    for group, cells in groups.items():
        kind, _, posts = group.rpartition("/")
        shown = " | ".join(f"{cells[name]['posts_per_s']:.0f}" if name in cells else "" for name in names)
        rows.append(f"| {kind}, {posts} at a time | {shown} |")
    return "\n".join([head, *rows])


def _served(figures: Mapping[str, Figures]) -> str:
    head = (
        "| served | posts a request | connections | posts/s | of the peer | p50 ms | p99 ms | resident MB | "
        "$ a million posts |\n|---|---|---|---|---|---|---|---|---|"
    )
    rows = []
    for name, cell in figures.items():
        if not name.startswith("served/"):
            continue
        _, server, posts, connections = name.split("/")
        peer = figures[f"served/peer/{posts}/{connections}"]["posts_per_s"]
        cost = 2 * DOLLARS_PER_CORE_HOUR / 3600 * 1e6 / cell["posts_per_s"]
        shown = "FastAPI + onnxruntime by hand" if server == "peer" else server
        rows.append(
            f"| {shown} | {posts} | {connections} | {cell['posts_per_s']:.0f} | {cell['posts_per_s'] / peer:.2f} | "
            f"{cell['p50_ms']:.1f} | {cell['p99_ms']:.1f} | {cell['memory_mb']:.0f} | {cost:.2f} |"
        )
    failed = sum(cell.get("failed", 0) for name, cell in figures.items() if name.startswith("served/"))
    note = f"Failed requests: {failed:.0f}. Cost: two cores at {DOLLARS_PER_CORE_HOUR} $ an hour each."
    return "\n".join([head, *rows, "", note])


def _profile(figures: Mapping[str, Figures]) -> str:
    shares = ", ".join(f"{name} {100 * share:.0f}" for name, share in figures["profile"].items() if share >= 0.01)
    return f"Where the kernels' time goes, 5 posts a run, one thread, %: {shares}."


def _groups(figures: Mapping[str, Figures], prefix: str) -> dict[str, dict[str, Figures]]:
    """`prefix + group/posts/variant` to group/posts → variant → figures."""
    groups: dict[str, dict[str, Figures]] = {}
    for name, cell in figures.items():
        if found := re.fullmatch(re.escape(prefix) + r"([^/]+/\d+)/(.+)", name):
            groups.setdefault(found[1], {})[found[2]] = cell
    return groups


def _own(rows: Mapping[str, Figures]) -> str:
    return next(name for name in rows if "Earshot" in name)


def _draw(path: Path, figures: Mapping[str, Figures]) -> None:
    groups = _groups(figures, "in process/")
    names = list(next(iter(groups.values())))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        heights = [cells.get(name, {}).get("posts_per_s", 0.0) for cells in groups.values()]
        left.bar([place + index * width for place in range(len(groups))], heights, width, label=name)
    left.set_xticks(range(len(groups)), [group.replace("/", "\n") for group in groups], fontsize=7)
    left.set(ylabel="posts/s", title="in process, by length and posts at a time")
    left.legend(fontsize=7)
    servers = sorted({name.split("/")[1] for name in figures if name.startswith("served/")})
    for server in servers:
        points = sorted(
            (int(name.split("/")[3]), cell["posts_per_s"])
            for name, cell in figures.items()
            if name.startswith(f"served/{server}/1/")
        )
        right.plot(*zip(*points, strict=True), marker="o", label=server)
    right.set(xlabel="connections, 1 post a request", ylabel="posts/s", title="served", xscale="log", ylim=0)
    right.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
