"""What a comparison found, and the verdict that follows from it. Knows nothing of how the two models were paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from eval.differences import ALPHA, POWER, Difference, McNemar, holm, related_p
from eval.output_folder import read_written
from eval.results import EvaluationResults, ModelInfo
from eval.verdict import GateOutcome, Problem, Verdict, overall

COMPARISON = "comparison.json"


MIN_SLICE = 20
"""Slices of fewer posts are not tested."""

METHOD = (
    f"Accuracy by McNemar's exact test, the others by randomization tests; p-values corrected by Holm's method for all "
    f"of them together, those on slices apart. Intervals: paired percentile bootstrap stratified by gold category. "
    f"Significant below {ALPHA:g}; detectable and bearable at a power of {POWER:g}."
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SliceComparison(_Frozen):
    """Accuracy of both models on one slice.

    Attributes:
        name: The slice's, or the group's such as `source = forum`.
        n: Posts in it.
        champion: The champion's accuracy.
        challenger: The challenger's accuracy.
        mcnemar: Who is right where the other is wrong.
        p_adjusted: McNemar's p-value, corrected for all slices tested; None where too few posts were tested.
    """

    name: str
    n: int
    champion: float
    challenger: float
    mcnemar: McNemar
    p_adjusted: float | None


class Flip(_Frozen):
    """A post on which the two models give different labels.

    Attributes:
        id: The post's id, or without one its row.
        text_sha256: Of its text.
        scale: Whether the category or the urgency flipped, or whether a behaviour test's case holds.
        gold: The gold label; `holds` for a case.
        champion: What the champion says; None where it gave no prediction.
        challenger: What the challenger says.
        direction: `broken` was right and is wrong, `fixed` the reverse, `moved` was and is wrong.
    """

    id: str
    text_sha256: str
    scale: Literal["category", "urgency", "case"]
    gold: str
    champion: str | None
    challenger: str | None
    direction: Literal["broken", "fixed", "moved"]


class Comparison(_Frozen):
    """What a comparison found.

    Attributes:
        schema_version: Of this layout.
        champion: The model in use.
        challenger: The model that wants its place.
        suite: On which suite.
        data_sha256: Of the data file.
        slice: On which slice: the suite's primary one.
        n: Posts compared.
        alpha: Below it a p-value is significant.
        seed: Of bootstrap and randomization.
        resamples: Of either.
        method: How it was done, in words.
        mcnemar: On the category; None where nothing could be compared.
        differences: How each figure differs; those tested carry p-values.
        slices: Accuracy by slice and group.
        flips: The posts that flipped, broken ones first.
        gates: What became of the gates.
        problems: What forbids a judgement.
        reasons: Why the verdict is what it is, a sentence each.
        verdict: `fail` when the challenger is significantly worse or fails a gate.
        created_at: ISO 8601, UTC.
    """

    schema_version: Literal[1] = 1
    champion: ModelInfo
    challenger: ModelInfo
    suite: str
    data_sha256: str
    slice: str
    n: int
    alpha: float
    seed: int
    resamples: int
    method: str = METHOD
    mcnemar: McNemar | None
    differences: tuple[Difference, ...]
    slices: tuple[SliceComparison, ...]
    flips: tuple[Flip, ...]
    gates: tuple[GateOutcome, ...]
    problems: tuple[Problem, ...]
    reasons: tuple[str, ...]
    verdict: Verdict
    created_at: str

    @property
    def tests(self) -> tuple[Difference, ...]:
        """The differences that were tested."""
        return tuple(difference for difference in self.differences if difference.p is not None)

    def difference(self, metric: str) -> Difference | None:
        """How a figure differs; None where it is undefined."""
        return next((difference for difference in self.differences if difference.metric == metric), None)


@dataclass(frozen=True, slots=True)
class Options:
    """How a comparison is made.

    Attributes:
        alpha: Below it a p-value is significant.
        resamples: Of the bootstrap, and draws of the randomization tests.
        seed: The same seed gives the same comparison.
    """

    alpha: float = ALPHA
    resamples: int = 2000
    seed: int = 0


def concluded(
    champion: EvaluationResults,
    challenger: EvaluationResults,
    options: Options,
    *,
    slice_name: str,
    n: int,
    test: McNemar | None,
    differences: Sequence[Difference],
    slices: Iterable[SliceComparison],
    flips: Iterable[Flip],
    outcomes: Sequence[GateOutcome],
    problems: Sequence[Problem],
) -> Comparison:
    """What was found, with the verdict and the reasons that follow from it."""
    return Comparison(
        champion=champion.model,
        challenger=challenger.model,
        suite=challenger.suite.name,
        data_sha256=challenger.data.sha256,
        slice=slice_name,
        n=n,
        alpha=options.alpha,
        seed=options.seed,
        resamples=options.resamples,
        mcnemar=test,
        differences=tuple(differences),
        slices=tuple(slices),
        flips=tuple(flips),
        gates=tuple(outcomes),
        problems=tuple(problems),
        reasons=tuple(_reasons(differences, outcomes, problems, options.alpha)),
        verdict=_verdict(differences, outcomes, problems, options.alpha),
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def compared_slices(tests: Mapping[str, McNemar], shares: Mapping[str, tuple[float, ...]]) -> list[SliceComparison]:
    """Slices with p-values that are corrected for all of them that hold enough posts."""
    tested = [name for name, test in tests.items() if test.n >= MIN_SLICE]
    adjusted = dict(zip(tested, holm([tests[name].p for name in tested]), strict=True))
    return [
        SliceComparison(
            name=name,
            n=test.n,
            champion=shares[name][0],
            challenger=shares[name][1],
            mcnemar=test,
            p_adjusted=adjusted.get(name),
        )
        for name, test in tests.items()
    ]


def read_comparison(folder: Path) -> Comparison:
    """Read the comparison in a folder.

    Raises:
        ResultsError: There is none, or not one that this version reads.
    """
    return read_written(Comparison, folder / COMPARISON, "comparison", "compare again")


def problems_of(results: EvaluationResults, folder: Path) -> list[Problem]:
    """What was wrong when the folder was judged."""
    return [found.model_copy(update={"says": f"{folder}: {found.says}"}) for found in results.problems]


def _verdict(
    found: Sequence[Difference], outcomes: Sequence[GateOutcome], problems: Sequence[Problem], alpha: float
) -> Verdict:
    if not problems and any(one.worse(alpha) for one in found):
        return "fail"
    return overall(outcomes, problems) or "pass"


def _reasons(
    found: Sequence[Difference], outcomes: Sequence[GateOutcome], problems: Sequence[Problem], alpha: float
) -> list[str]:
    if problems:
        return [str(one) for one in problems]
    said = [f"The challenger is significantly worse: {_moved(one)}." for one in found if one.worse(alpha)]
    said += [f"{one.name}: {one.verdict}; {one.says}." for one in outcomes if one.required and one.verdict != "pass"]
    said += [f"The challenger is significantly better: {_moved(one)}." for one in found if one.better(alpha)]
    if not any(one.significant(alpha) for one in found):
        said.append(f"No significant difference{_detectable(found)}.")
    if outcomes and all(one.verdict == "pass" for one in outcomes if one.required):
        said.append("Every required gate is passed.")
    return said


def _moved(one: Difference) -> str:
    return f"{one.metric} {one.champion:.3f} → {one.challenger:.3f}, adjusted {related_p(one.p_adjusted or 0.0)}"


def _detectable(found: Sequence[Difference]) -> str:
    named = [
        f"{one.metric} {one.minimum_detectable:.3f}" for one in found if one.p is not None and one.minimum_detectable
    ]
    return f"; so many posts would show one of {', '.join(named)} in four of five cases" if named else ""
