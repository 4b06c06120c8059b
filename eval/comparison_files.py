"""A comparison as files: for programs, for a pull request, for a CI."""

from __future__ import annotations

from pathlib import Path

from eval.comparison import COMPARISON, Comparison
from eval.junit import junit
from eval.markdown import comparison_page
from eval.output_folder import check_output, write_output
from eval.report import render_page
from eval.results import JUNIT, REPORT, SUMMARY
from eval.verdict import GateOutcome


def write_comparison(found: Comparison, folder: Path) -> tuple[str, ...]:
    """Write a comparison's files, in place of earlier ones.

    Returns:
        The files' names.

    Raises:
        ResultsError: The folder cannot be written to, or holds something else.
    """
    check_output(folder, COMPARISON)
    name = f"{found.challenger.name} {found.challenger.version} on {found.suite}"
    files = {
        SUMMARY: comparison_page(found).encode(),
        JUNIT: junit(name, (significance(found), *found.gates), found.problems),
        REPORT: render_comparison(found).encode(),
        COMPARISON: (found.model_dump_json(indent=1) + "\n").encode(),
    }
    write_output(folder, files)
    return tuple(files)


_MIN_REACH = 0.05
_SHOWN_FLIPS = 200


def render_comparison(found: Comparison) -> str:
    """A comparison as one self-contained HTML page, without any text of a post."""
    ends = [abs(end) for one in found.tests for end in (one.low, one.high, one.difference) if end is not None]
    labels = found.challenger.taxonomy.category_names
    return render_page(
        "comparison.html.jinja",
        found=found,
        reach=max([_MIN_REACH, *ends]),
        by_category=[(label, _count(found, label, "broken"), _count(found, label, "fixed")) for label in labels],
        shown_flips=_SHOWN_FLIPS,
    )


def _count(found: Comparison, label: str, direction: str) -> int:
    return sum((flip.scale, flip.gold, flip.direction) == ("category", label, direction) for flip in found.flips)


def significance(found: Comparison) -> GateOutcome:
    """The gate that every comparison has: not significantly worse."""
    worse = [one.metric for one in found.differences if one.worse(found.alpha)]
    says = f"significantly worse: {', '.join(worse)}" if worse else "; ".join(found.reasons)
    verdict = "cannot judge" if found.problems else "fail" if worse else "pass"
    return GateOutcome(
        name="not significantly worse than the champion", kind="significance", verdict=verdict, says=says
    )
