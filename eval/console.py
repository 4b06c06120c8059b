"""The key figures as text for a terminal. Knows nothing of how they were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eval.report import cautions, interval, shown, title
from eval.results import EvaluationResults, Figure, LabelFigures


def summary(results: EvaluationResults) -> str:
    """The primary slice's figures with intervals and n, and what a reader must know before relying on them."""
    found, model = results.primary, results.model
    level = f"{results.confidence_level:.0%} interval"
    lines = [
        f"{model.name} {model.version} ({model.digest[:19]}…) on {results.suite.name}, "
        f"slice {found.name}, {found.n:,} posts",
        "",
        *_aligned([("", "value", level, "n"), *map(_row, found.figures)]),
        "",
        *_aligned([("F1", "value", level, "posts"), *_label_rows(found.categories)]),
    ]
    if notes := cautions(results):
        lines += ["", *(f"! {note}" for note in notes)]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, str, str, str]:
    return title(figure.metric), shown(figure), interval(figure), f"{figure.n:,}"


def _label_rows(rows: Sequence[LabelFigures]) -> Iterator[tuple[str, str, str, str]]:
    for row in rows:
        value, ends = (shown(row.f1), interval(row.f1)) if row.f1 else ("–", "")
        yield row.label, value, ends, f"{row.support:,}"


def _aligned(rows: Sequence[tuple[str, str, str, str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {ends:>{widths[2]}}  {n:>{widths[3]}}".rstrip()
        for name, value, ends, n in rows
    ]
