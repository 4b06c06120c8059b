"""The key figures as text for a terminal. Knows nothing of how they were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eval.comparison import Comparison
from eval.differences import Difference, related_p, said_p
from eval.gates import needs_champion
from eval.report import cautions, interval, shown, title
from eval.results import CheckGroup, CheckResult, EvaluationResults, Figure, LabelFigures, SpeedResult
from eval.verdict import GateOutcome, Problem


def summary(results: EvaluationResults) -> str:
    """The key figures with intervals and n, and what a reader must know before relying on them."""
    model = results.model
    lines = [f"{model.name} {model.version} ({model.digest[:19]}…) on {results.suite.name}, {_what(results)}"]
    if results.speed:
        lines += _speed_lines(results.speed)
    else:
        lines += _slice_lines(results) if results.slices else _check_lines(results)
    lines += ["", *_judged(results.gates, results.problems)]
    if results.verdict:
        lines.append(f"verdict: {results.verdict}")
    if waiting := needs_champion(results.suite.gates):
        lines.append(f"{len(waiting)} gates compare with a champion: earshot eval compare CHAMPION THIS")
    return "\n".join(lines).rstrip()


def _what(results: EvaluationResults) -> str:
    if results.speed:
        return f"{results.speed.n:,} posts"
    if results.slices:
        return f"slice {results.primary.name}, {results.primary.n:,} posts"
    return f"{len(results.checks):,} tests, {results.check_groups[0].n:,} cases"


def _speed_lines(found: SpeedResult) -> Iterator[str]:
    yield ""
    yield from _aligned([("", "value", "interval", "n"), *map(_row, found.figures)])


def _slice_lines(results: EvaluationResults) -> Iterator[str]:
    found, level = results.primary, f"{results.confidence_level:.0%} interval"
    yield ""
    yield from _aligned([("", "value", level, "n"), *map(_row, found.figures)])
    yield ""
    yield from _aligned([("F1", "value", level, "posts"), *_label_rows(found.categories)])
    if weak := results.weak_slices and results.weak_slices.found:
        yield ""
        for one in weak:
            yield f"weak: {one.name}, {one.n:,} posts: {one.error:.0%} wrong, elsewhere {one.error_elsewhere:.0%}"
    if notes := cautions(results):
        yield ""
        yield from (f"! {note}" for note in notes)


def _check_lines(results: EvaluationResults) -> Iterator[str]:
    yield ""
    heads = ("pass rate", "value", f"{results.confidence_level:.0%} interval", "cases")
    yield from _aligned([heads, *(_pass_row(group) for group in results.check_groups)])
    if failed := sorted((one for one in results.checks if one.failures), key=lambda one: one.passed / one.n):
        yield ""
        heads = ("tests with failures, worst first", "pass rate", "hold", "cases")
        rows = ((one.name, _pass_row(one)[1], f"{one.passed:,}", f"{one.n:,}") for one in failed)
        yield from _aligned([heads, *rows])


def _pass_row(group: CheckGroup | CheckResult) -> tuple[str, str, str, str]:
    figure = group.figure("pass_rate")
    return group.name, shown(figure) if figure else "–", interval(figure) if figure else "", f"{group.n:,}"


def comparison_summary(found: Comparison) -> str:
    """What a comparison found: the tests, who flipped, the gates, and the verdict last."""
    champion, challenger = found.champion, found.challenger
    lines = [
        f"champion   {champion.name} {champion.version} ({champion.digest[:19]}…)",
        f"challenger {challenger.name} {challenger.version} ({challenger.digest[:19]}…)",
        f"on {found.suite}, slice {found.slice}, {found.n:,} posts",
        "",
    ]
    if found.tests:
        heads = ("", "champion → challenger", "difference (95 %)", "adjusted p")
        lines += [*_aligned([heads, *map(_test_row, found.tests)]), ""]
    if found.mcnemar:
        test = found.mcnemar
        lines.append(
            f"category: {test.champion_only} posts broken, {test.challenger_only} fixed (McNemar {related_p(test.p)})"
        )
    lines += [*_judged(found.gates, found.problems), *(f"- {reason}" for reason in found.reasons if not found.problems)]
    return "\n".join([*lines, f"verdict: {found.verdict}"])


def _test_row(one: Difference) -> tuple[str, str, str, str]:
    ends = "no interval" if one.low is None or one.high is None else f"{one.low:+.3f} to {one.high:+.3f}"
    moved = f"{one.champion:.3f} → {one.challenger:.3f}"
    return title(one.metric), moved, f"{one.difference:+.3f} ({ends})", said_p(one.p_adjusted or 0.0)


def _judged(outcomes: Sequence[GateOutcome], problems: Sequence[Problem]) -> Iterator[str]:
    yield from (f"problem: {one}" for one in problems)
    for one in outcomes:
        yield f"{one.verdict:<12}  {one.name}: {one.says}{'' if one.required else ' (not required)'}"


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
