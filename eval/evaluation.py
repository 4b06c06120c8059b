"""From judged posts to results: samples → slices → metric families → figures with intervals.

Knows nothing of where predictions come from or how results are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earshot.post import Prediction
from earshot.taxonomy import Taxonomy
from eval.errors import SuiteError
from eval.families import all_families, confidence, sum_families
from eval.metrics import DEFINITIONS, URGENCY
from eval.metrics.calibration_error import reliability
from eval.metrics.classification import confusion_matrix
from eval.metrics.family import Figures, Ints
from eval.metrics.selective import risk_coverage
from eval.post_properties import PROPERTIES
from eval.results import ConfusionMatrix, Figure, GroupResult, LabelFigures, SliceResult
from eval.samples import Sample, SampleArrays
from eval.slices import Slice, Value, default_columns, default_slices, is_value, value_of, values_in
from eval.suite import Suite
from eval.uncertainty import MIN_STRATUM, bootstrap
from eval.weak_slices import WeakSlices, weak_slices

INTERVAL_METHOD = (
    f"Percentile bootstrap over posts, stratified by gold category (those of fewer than {MIN_STRATUM} posts pooled); "
    "accuracies of the reliability curve: Wilson."
)


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made.

    Attributes:
        resamples: How many are drawn.
        seed: The same seed gives the same intervals; each slice starts from it anew.
        confidence_level: Such as 0.95.
    """

    resamples: int = 1000
    seed: int = 0
    confidence_level: float = 0.95


def definitions() -> dict[str, str]:
    """What each metric is, in a sentence or two."""
    return {metric: definition.says for metric, definition in DEFINITIONS.items()}


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found on a suite's posts.

    Attributes:
        slices: Each slice that holds posts, the primary one first.
        groups: The groups within the primary slice, by column, the largest first.
        primary: The samples of the primary slice.
        weak_slices: On which of these the model is worse than elsewhere.
        membership: The names of the slices and groups that each sample belongs to, in the samples' order.
    """

    slices: tuple[SliceResult, ...]
    groups: tuple[GroupResult, ...]
    primary: tuple[Sample, ...]
    weak_slices: WeakSlices
    membership: tuple[tuple[str, ...], ...]


def judge(samples: Sequence[Sample], suite: Suite, taxonomy: Taxonomy, resampling: Resampling) -> Findings:
    """Judge all slices and groups of a suite.

    Args:
        samples: The judged posts.
        suite: Says which slices and groups there are.
        taxonomy: The labels, gold and predicted.
        resampling: How intervals are made.

    Raises:
        SuiteError: The primary slice is empty, or a slice or group asks for a column that no post has.
    """
    slices = suite.slices or default_slices([sample.post for sample in samples])
    group_by = default_columns([sample.post for sample in samples]) if suite.group_by is None else suite.group_by
    named = [column for column in group_by if column not in PROPERTIES]
    for column in [*named, *(column for one in slices for column in one.where)]:
        if all(value_of(sample.post, column) is None for sample in samples):
            raise SuiteError(f"suite '{suite.name}' asks for the column '{column}', which no post has")
    members = [[sample for sample in samples if one.holds(sample.post)] for one in slices]
    if not members[0]:
        raise SuiteError(f"the primary slice '{slices[0].name}' of suite '{suite.name}' holds no post")
    return Findings(
        slices=tuple(
            _judge_slice(one, held, taxonomy, resampling) for one, held in zip(slices, members, strict=True) if held
        ),
        groups=tuple(
            _judge_group(column, value, members[0], taxonomy, resampling)
            for column in group_by
            for value in values_in([sample.post for sample in members[0]], column)
        ),
        primary=tuple(members[0]),
        weak_slices=weak_slices(members[0]),
        membership=tuple(_names(sample, slices, group_by) for sample in samples),
    )


def _names(sample: Sample, slices: Sequence[Slice], group_by: Sequence[str]) -> tuple[str, ...]:
    names = [one.name for one in slices if one.holds(sample.post)]
    if slices[0].holds(sample.post):
        values = ((column, value_of(sample.post, column)) for column in group_by)
        names += [f"{column} = {value}" for column, value in values if is_value(value)]
    return tuple(names)


def _judge_group(
    column: str, value: Value, samples: Sequence[Sample], taxonomy: Taxonomy, resampling: Resampling
) -> GroupResult:
    held = [sample for sample in samples if value_of(sample.post, column) == value]
    arrays = SampleArrays.of(held, taxonomy)
    figures = _figures(sum_families(arrays, taxonomy), arrays.category, resampling)
    return GroupResult(
        column=column, value=str(value), n=len(held), rejected=_rejected(held), figures=_overall(figures)
    )


def _judge_slice(one: Slice, samples: Sequence[Sample], taxonomy: Taxonomy, resampling: Resampling) -> SliceResult:
    arrays = SampleArrays.of(samples, taxonomy)
    figures = _figures(all_families(arrays, taxonomy), arrays.category, resampling)
    urgency_n = int((arrays.urgency >= 0).sum())
    confusion = _confusion(arrays.category, arrays.predicted_category, taxonomy.category_names)
    urgency_confusion = _confusion(arrays.urgency, arrays.predicted_urgency, taxonomy.urgency_names)
    bins = reliability(
        arrays.category, arrays.predicted_category, arrays.scores, confidence_level=resampling.confidence_level
    )
    return SliceResult(
        name=one.name,
        description=one.description,
        n=len(samples),
        rejected=_rejected(samples),
        figures=_overall(figures),
        categories=_label_figures(figures, confusion, prefix=""),
        confusion=confusion,
        urgency_n=urgency_n,
        urgencies=_label_figures(figures, urgency_confusion, prefix=URGENCY) if urgency_n else (),
        urgency_confusion=urgency_confusion if urgency_n else None,
        reliability=tuple(bins),
        review_reasons=_review_reasons(samples),
        risk_coverage=tuple(risk_coverage(arrays.predicted_category != arrays.category, confidence(arrays))),
    )


def _figures(families: Sequence[Figures], strata: Ints, resampling: Resampling) -> dict[str, Figure]:
    """Every figure that is defined, with its interval."""
    intervals = bootstrap(
        families,
        strata,
        resamples=resampling.resamples,
        seed=resampling.seed,
        confidence_level=resampling.confidence_level,
    )
    return {
        metric: Figure(
            metric=metric,
            value=float(measured.value),
            low=intervals[metric].low,
            high=intervals[metric].high,
            n=int(measured.n),
            undefined_resamples=intervals[metric].undefined,
        )
        for family in families
        for metric, measured in family.measure().items()
        if not np.isnan(measured.value)
    }


def _overall(figures: dict[str, Figure]) -> tuple[Figure, ...]:
    return tuple(figure for metric, figure in figures.items() if not metric.endswith("]"))


def _label_figures(figures: dict[str, Figure], confusion: ConfusionMatrix, *, prefix: str) -> tuple[LabelFigures, ...]:
    return tuple(
        LabelFigures(
            label=label,
            support=sum(confusion.counts[index]),
            predicted=sum(row[index] for row in confusion.counts),
            precision=figures.get(f"{prefix}precision[{label}]"),
            recall=figures.get(f"{prefix}recall[{label}]"),
            f1=figures.get(f"{prefix}f1[{label}]"),
            average_precision=figures.get(f"{prefix}average_precision[{label}]"),
        )
        for index, label in enumerate(confusion.labels)
    )


def _confusion(gold: Ints, predicted: Ints, labels: tuple[str, ...]) -> ConfusionMatrix:
    counts = confusion_matrix(gold, predicted, len(labels))
    return ConfusionMatrix(labels=labels, counts=tuple(tuple(row) for row in counts.tolist()))


def _rejected(samples: Sequence[Sample]) -> int:
    return sum(sample.prediction is None for sample in samples)


def _review_reasons(samples: Sequence[Sample]) -> dict[str, int]:
    reasons = Counter(
        reason for sample in samples if isinstance(sample.result, Prediction) for reason in sample.result.review_reasons
    )
    return dict(reasons.most_common())
