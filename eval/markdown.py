"""Results and comparisons as Markdown for a pull request: the verdict first, then the gates, then the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.comparison import Comparison, Flip
from eval.differences import Difference, McNemar, related_p, said_p
from eval.report import KEY_METRICS, interval, shown, title
from eval.results import EvaluationResults, ModelInfo
from eval.verdict import GateOutcome, Verdict

_SIGNS = {"pass": "✅", "fail": "❌", "cannot judge": "⚠️"}
_SHOWN_FLIPS = 20


def results_summary(results: EvaluationResults) -> str:
    """An evaluation in a page."""
    return _page(
        _head(f"{results.model.name} {results.model.version} on {results.suite.name}", results.verdict),
        [str(one) for one in results.problems],
        _gates(results.gates),
        _figures(results),
        f"{_on(results)}; data `{results.data.sha256[:12]}…`; {_model(results.model)}.",
    )


def _on(results: EvaluationResults) -> str:
    if results.speed:
        return f"{results.speed.n:,} posts"
    if results.slices:
        return f"Slice `{results.primary.name}`, {results.primary.n:,} posts"
    return f"{len(results.checks):,} tests, {results.check_groups[0].n:,} cases"


def _figures(results: EvaluationResults) -> str:
    if results.speed:
        rows = [(title(one.metric), shown(one), interval(one), f"{one.n:,}") for one in results.speed.figures]
    elif results.slices:
        found = [figure for metric in KEY_METRICS if (figure := results.primary.figure(metric))]
        rows = [(title(one.metric), shown(one), interval(one), f"{one.n:,}") for one in found]
    else:
        found = [figure for group in results.check_groups if (figure := group.figure("pass_rate"))]
        names = [f"pass rate, {group.name}" for group in results.check_groups]
        rows = [(name, shown(one), interval(one), f"{one.n:,}") for name, one in zip(names, found, strict=True)]
    return _table(("metric", "value", f"{results.confidence_level:.0%} interval", "n"), rows)


def comparison_page(found: Comparison) -> str:
    """A comparison in a page."""
    return _page(
        _head(f"{found.challenger.version} against {found.champion.version} on {found.suite}", found.verdict),
        [*found.reasons],
        _gates(found.gates),
        _table(
            ("metric", "champion", "challenger", "difference (95 %)", "adjusted p", "detectable"),
            map(_difference_row, found.tests),
        ),
        _moved(found.mcnemar) if found.mcnemar else "",
        _flips(found.flips),
        f"{found.n:,} posts of slice `{found.slice}`. Champion {_model(found.champion)}; challenger "
        f"{_model(found.challenger)}. {found.method} Seed {found.seed}, {found.resamples:,} resamples.",
    )


def _page(*parts: str | Sequence[str]) -> str:
    written = ("\n".join(f"- {item}" for item in part) if not isinstance(part, str) else part for part in parts)
    return "\n\n".join(part for part in written if part) + "\n"


def _head(what: str, verdict: Verdict | None) -> str:
    said = f"{_SIGNS[verdict]} **{verdict}**" if verdict else "no gates"
    return f"## {said}: {what}"


def _gates(outcomes: Sequence[GateOutcome]) -> str:
    rows = ((_SIGNS[one.verdict], one.name + ("" if one.required else " (not required)"), one.says) for one in outcomes)
    return _table(("", "gate", "found"), rows) if outcomes else ""


def _difference_row(one: Difference) -> tuple[str, ...]:
    ends = "no interval" if one.low is None or one.high is None else f"{one.low:+.3f} to {one.high:+.3f}"
    return (
        title(one.metric),
        f"{one.champion:.3f}",
        f"{one.challenger:.3f}",
        f"{one.difference:+.3f} ({ends})",
        said_p(one.p_adjusted or 0.0),
        f"{one.minimum_detectable:.3f}" if one.minimum_detectable else "–",
    )


def _moved(test: McNemar) -> str:
    return (
        f"Category: {test.champion_only:,} posts broken, {test.challenger_only:,} fixed (McNemar {related_p(test.p)})."
    )


def _flips(flips: Sequence[Flip]) -> str:
    if not flips:
        return ""
    rows = (
        (one.direction, f"`{one.id}`", one.scale, one.gold, one.champion or "–", one.challenger or "–")
        for one in flips[:_SHOWN_FLIPS]
    )
    table = _table(("", "post", "of", "gold", "champion", "challenger"), rows)
    shown_of = f"{min(len(flips), _SHOWN_FLIPS):,} of {len(flips):,}"
    return f"<details><summary>Flipped labels, {shown_of}</summary>\n\n{table}\n\n</details>"


def _model(model: ModelInfo) -> str:
    return f"{model.name} {model.version} `{model.digest[:19]}…`"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '∣').replace(chr(10), ' ') for cell in line)} |" for line in lines
    )
