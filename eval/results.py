"""What `results.json` holds: every figure with its metric, slice, n, interval and seed, and what it was found on.

Holds nothing of any post's text. Knows nothing of how figures are computed or shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from earshot.bundle import EvaluationSummary
from earshot.bundle import Figure as SummaryFigure
from earshot.taxonomy import Taxonomy
from eval.errors import ResultsError
from eval.expectation import Failure
from eval.metrics.calibration_error import ReliabilityBin
from eval.metrics.selective import RiskPoint
from eval.output_folder import read_written
from eval.verdict import Gate, GateOutcome, Problem, Verdict, overall
from eval.weak_slices import WeakSlices

SCHEMA_VERSION: Literal[2] = 2
"""Version 1 lacked gates, verdict, problems, risk–coverage and average precision; it is still read."""
RESULTS = "results.json"
REPORT = "report.html"
PREDICTIONS = "predictions.jsonl"
SUMMARY = "summary.md"
JUNIT = "junit.xml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Frozen):
    """One figure.

    Attributes:
        metric: Such as `macro_f1`.
        value: The figure; a figure that is undefined is left out altogether.
        low: Lower end of the interval; None where it is withheld.
        high: Upper end of the interval; None where it is withheld.
        n: Posts that it speaks of.
        undefined_resamples: Resamples in which it is undefined; the interval is that of the others, and withheld
            where they are more than the tails that it cuts off.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    n: int = Field(ge=1)
    undefined_resamples: int = 0


class LabelFigures(_Frozen):
    """The figures of one category or urgency.

    Attributes:
        label: Its name.
        support: Posts that belong to it.
        predicted: Posts that are predicted so.
        precision: None where it is undefined.
        recall: None where it is undefined.
        f1: None where it is undefined.
        average_precision: None where it is undefined, and for urgencies.
    """

    label: str
    support: int
    predicted: int
    precision: Figure | None
    recall: Figure | None
    f1: Figure | None
    average_precision: Figure | None = None

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Those that are defined."""
        found = (self.precision, self.recall, self.f1, self.average_precision)
        return tuple(figure for figure in found if figure is not None)


class ConfusionMatrix(_Frozen):
    """Which label was predicted for which.

    Attributes:
        labels: Of the rows (gold) and, in the same order, the columns (predicted).
        counts: One row per label; the last column counts posts without a prediction.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class SliceResult(_Frozen):
    """All that was found on one slice.

    Attributes:
        name: The slice's name.
        description: Which posts these are.
        n: Posts in it.
        rejected: Posts among them that the model gave no prediction for; they count as wrong.
        figures: The overall figures.
        categories: The figures of each category.
        confusion: Of categories.
        urgency_n: Posts in it that have a gold urgency.
        urgencies: The figures of each urgency; empty without gold urgencies.
        urgency_confusion: Of urgencies; None without gold urgencies.
        reliability: The reliability curve's bins that hold posts.
        review_reasons: Posts per review reason.
        risk_coverage: The risk–coverage curve, from the surest posts to all.
    """

    name: str
    description: str
    n: int = Field(ge=1)
    rejected: int
    figures: tuple[Figure, ...]
    categories: tuple[LabelFigures, ...]
    confusion: ConfusionMatrix
    urgency_n: int
    urgencies: tuple[LabelFigures, ...]
    urgency_confusion: ConfusionMatrix | None
    reliability: tuple[ReliabilityBin, ...]
    review_reasons: dict[str, int]
    risk_coverage: tuple[RiskPoint, ...] = ()

    def figure(self, metric: str) -> Figure | None:
        """The overall figure of a metric; None where it is undefined."""
        return _find(self.figures, metric)

    @property
    def label_figures(self) -> tuple[Figure, ...]:
        """The figures of all categories and urgencies."""
        return tuple(figure for row in (*self.categories, *self.urgencies) for figure in row.figures)


class GroupResult(_Frozen):
    """The overall figures of the posts with one value in one column, within the primary slice.

    Attributes:
        column: Such as `source`.
        value: The value in it.
        n: Posts in the group.
        rejected: Posts among them that the model gave no prediction for.
        figures: The overall figures.
    """

    column: str
    value: str
    n: int = Field(ge=1)
    rejected: int
    figures: tuple[Figure, ...]

    @property
    def name(self) -> str:
        """What gates and reports call it."""
        return f"{self.column} = {self.value}"

    def figure(self, metric: str) -> Figure | None:
        """The figure of a metric; None where it is undefined."""
        return _find(self.figures, metric)


class CheckResult(_Frozen):
    """What became of one behaviour test.

    Attributes:
        name: A sentence that says what must hold.
        capability: What it is about.
        kind: Minimum functionality, invariance, or directional.
        why: The rule behind it.
        n: Cases.
        passed: Cases that hold.
        figures: `pass_rate`, and for a robustness test how accuracy and urgency change.
        failures: The cases that do not hold.
    """

    name: str
    capability: str
    kind: Literal["minimum", "invariance", "directional"]
    why: str
    n: int = Field(ge=1)
    passed: int
    figures: tuple[Figure, ...]
    failures: tuple[Failure, ...]

    def figure(self, metric: str) -> Figure | None:
        """The figure of a metric; None where it is undefined."""
        return _find(self.figures, metric)


class CheckGroup(_Frozen):
    """The pass rate of several behaviour tests.

    Attributes:
        name: `all`, a kind such as `invariance`, or a capability.
        n: Cases.
        passed: Cases that hold.
        figures: `pass_rate`, and `lowest_pass_rate`, that of its worst test.
    """

    name: str
    n: int = Field(ge=1)
    passed: int
    figures: tuple[Figure, ...]

    def figure(self, metric: str) -> Figure | None:
        """The figure of a metric; None where it is undefined."""
        return _find(self.figures, metric)


class SpeedResult(_Frozen):
    """How fast the target answers, on the machine that asked.

    Attributes:
        name: What gates call it: `speed`.
        n: Posts that it was asked.
        figures: Latencies and throughput.
    """

    name: str
    n: int = Field(ge=1)
    figures: tuple[Figure, ...]

    def figure(self, metric: str) -> Figure | None:
        """The figure of a metric; None where it is undefined."""
        return _find(self.figures, metric)


class ModelInfo(_Frozen):
    """What was judged.

    Attributes:
        name: The bundle's name.
        version: The bundle's version.
        digest: `sha256:` over all that a prediction depends on.
        target: What `--model` said.
        taxonomy: The labels.
    """

    name: str
    version: str
    digest: str
    target: str
    taxonomy: Taxonomy


class SuiteInfo(_Frozen):
    """The suite that was used.

    Attributes:
        name: Its name.
        description: What it is good for.
        licence: Of its posts.
        evaluation_only: Whether nothing may be trained, tuned or chosen on its data.
        every: Every so-many-th post was judged.
        gates: What it asks of a model.
    """

    name: str
    description: str
    licence: str
    evaluation_only: bool
    every: int
    gates: tuple[Gate, ...] = ()


class DataInfo(_Frozen):
    """The file that was judged on.

    Attributes:
        name: File name, without folders.
        sha256: Of the whole file.
        posts: Usable posts in it.
        judged: Posts of them that were judged.
        skipped_rows: Unusable rows that were left out because the caller asked for it.
    """

    name: str
    sha256: str
    posts: int
    judged: int
    skipped_rows: int


class EvaluationResults(_Frozen):
    """What `results.json` holds.

    Attributes:
        schema_version: Of this layout.
        model: What was judged.
        suite: The suite that was used.
        data: The file that was judged on.
        seed: Of the bootstrap.
        resamples: Of the bootstrap.
        confidence_level: Of all intervals.
        interval_method: Of the figures' intervals.
        definitions: What each metric is.
        command: What to type to get the same.
        packages: Versions of the libraries that mattered.
        created_at: ISO 8601, UTC.
        slices: What was found, the primary slice first; slices that hold no post are absent; empty where the suite
            has no labelled posts to judge.
        groups: What was found on groups within the primary slice, the largest first.
        gates: What became of the suite's gates; those that compare with a champion are left out.
        problems: What is wrong with the input or the answers; any problem forbids a verdict.
        check_groups: Pass rates of behaviour tests, of all of them first.
        checks: What became of each behaviour test.
        weak_slices: Slices within the primary one on which the model is worse than elsewhere.
        speed: Of a speed suite alone.
    """

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    model: ModelInfo
    suite: SuiteInfo
    data: DataInfo
    seed: int
    resamples: int
    confidence_level: float
    interval_method: str
    definitions: dict[str, str]
    command: str
    packages: dict[str, str]
    created_at: str
    slices: tuple[SliceResult, ...]
    groups: tuple[GroupResult, ...]
    gates: tuple[GateOutcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    check_groups: tuple[CheckGroup, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    weak_slices: WeakSlices | None = None
    speed: SpeedResult | None = None

    @model_validator(mode="after")
    def _finds_something(self) -> Self:
        if not (self.slices or self.checks or self.speed):
            raise ValueError("neither slices nor checks nor speed")
        return self

    @property
    def verdict(self) -> Verdict | None:
        """Whether the model passes; None when nothing was asked of it."""
        return overall(self.gates, self.problems)

    @property
    def parts(self) -> tuple[SliceResult | GroupResult | CheckGroup | CheckResult | SpeedResult, ...]:
        """All slices and groups, the primary slice first, all groups of checks and checks, and the speed."""
        speed = (self.speed,) if self.speed else ()
        return (*self.slices, *self.groups, *self.check_groups, *self.checks, *speed)

    def find(self, metric: str, slice_name: str | None = None) -> Figure | None:
        """A figure of a slice or group by name, by default of the primary slice; `f1[leak]` is that of one label."""
        for found in self.parts:
            if slice_name in (found.name, None):
                per_label = found.label_figures if isinstance(found, SliceResult) else ()
                return _find((*found.figures, *per_label), metric)
        return None

    def labels(self, scale: Literal["category", "urgency"], slice_name: str | None = None) -> tuple[LabelFigures, ...]:
        """The figures of each category or urgency on a slice; empty when there is no such slice."""
        for found in self.slices:
            if slice_name in (found.name, None):
                return found.categories if scale == "category" else found.urgencies
        return ()

    @property
    def primary(self) -> SliceResult:
        """The slice that a model is judged by.

        Raises:
            ResultsError: The suite judges no labelled posts.
        """
        if not self.slices:
            raise ResultsError(f"suite '{self.suite.name}' has no slices: it holds checks, not labelled posts")
        return self.slices[0]

    def summaries(self) -> list[EvaluationSummary]:
        """Each slice's figures for a bundle's manifest; figures whose interval is withheld are left out.

        Behaviour tests are one summary, with the pass rate of each group of tests as if it were a label's, or of each
        test where they are all of one kind. Speed is
        left out: it is the machine's as much as the bundle's.
        """
        found = [self._summary(part.name, part.n, (*part.figures, *part.label_figures)) for part in self.slices]
        if self.check_groups:
            everything, *groups = self.check_groups
            # One kind and one capability are everything again: then the tests themselves say more.
            parts = groups if len(groups) > _ONE_KIND_AND_CAPABILITY else self.checks
            found.append(self._summary(everything.name, everything.n, (*everything.figures, *_pass_rates(parts))))
        return found

    def _summary(self, name: str, n: int, figures: Iterable[Figure]) -> EvaluationSummary:
        return EvaluationSummary(
            suite=self.suite.name,
            data_sha256=self.data.sha256,
            n=n,
            slice=name,
            confidence_level=self.confidence_level,
            seed=self.seed,
            command=self.command,
            figures=tuple(
                SummaryFigure(metric=figure.metric, value=figure.value, low=figure.low, high=figure.high)
                for figure in figures
                if figure.low is not None and figure.high is not None
            ),
        )


_ONE_KIND_AND_CAPABILITY = 2


def _pass_rates(parts: Iterable[CheckGroup | CheckResult]) -> list[Figure]:
    return [
        figure.model_copy(update={"metric": f"pass_rate[{part.name}]"})
        for part in parts
        if (figure := part.figure("pass_rate"))
    ]


def _find(figures: tuple[Figure, ...], metric: str) -> Figure | None:
    return next((figure for figure in figures if figure.metric == metric), None)


def read_results(folder: Path) -> EvaluationResults:
    """Read the results in a folder.

    Raises:
        ResultsError: There are none, or not ones that this version reads.
    """
    return read_written(EvaluationResults, folder / RESULTS, "results", "run it again")
