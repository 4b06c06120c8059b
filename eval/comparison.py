"""Champion against challenger on the same posts: is the challenger worse, and may it be released?

```python
from pathlib import Path
from eval.comparison import compare

found = compare(Path("runs/champion"), Path("runs/challenger"))
print(found.verdict, found.reasons)
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from earshot.taxonomy import Taxonomy
from eval.differences import (
    ALPHA,
    POWER,
    Difference,
    McNemar,
    holm,
    mcnemar,
    paired_differences,
    randomization_tests,
)
from eval.errors import ResultsError
from eval.families import all_families, sum_families
from eval.gates import judge_gates
from eval.recording import Record, Recording
from eval.results import ModelInfo
from eval.samples import Sample, SampleArrays
from eval.verdict import Gate, GateOutcome, NonInferiority, Problem, Verdict, overall, problem

COMPARISON = "comparison.json"

TESTED = ("macro_f1", "urgency_quadratic_kappa", "urgency_under_triage")
"""What is tested besides accuracy, which McNemar's test is for."""
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
        scale: Whether the category or the urgency flipped.
        gold: The gold label.
        champion: What the champion says; None where it gave no prediction.
        challenger: What the challenger says.
        direction: `broken` was right and is wrong, `fixed` the reverse, `moved` was and is wrong.
    """

    id: str
    text_sha256: str
    scale: Literal["category", "urgency"]
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


def compare(
    champion: Path,
    challenger: Path,
    *,
    gates: Sequence[Gate] | None = None,
    options: Options = Options(),
) -> Comparison:
    """Compare two evaluations of the same posts.

    Args:
        champion: The folder that `earshot eval run` wrote for the model in use.
        challenger: The folder of the model that wants its place.
        gates: Other gates than those of the suite that judged the challenger.
        options: How it is made.

    Returns:
        The comparison; where posts or labels do not match, one that says so and whose verdict is `cannot judge`.

    Raises:
        ResultsError: A folder holds no evaluation, or one that cannot be read.
    """
    first, second = Recording.read(champion), Recording.read(challenger)
    problems = [*first.duplicates(), *second.duplicates(), *_mismatches(first, second)]
    pairs = [] if problems else _pairs(first, second)
    problems += _own_problems(first, second)
    asked = second.results.suite.gates if gates is None else tuple(gates)
    slice_name = second.results.primary.name
    taxonomy = second.results.model.taxonomy
    within = [(one, other) for one, other in pairs if slice_name in other.slices]
    found = compare_samples(*_samples(within), taxonomy, options) if within else ()
    by_slice: dict[str | None, Mapping[str, Difference]] = {None: {one.metric: one for one in found}}
    for gate in asked:
        if isinstance(gate, NonInferiority) and gate.slice not in by_slice:
            chosen = [(one, other) for one, other in pairs if gate.slice in other.slices]
            differences = compare_samples(*_samples(chosen), taxonomy, options) if chosen else ()
            by_slice[gate.slice] = {one.metric: one for one in differences}
    outcomes = (
        judge_gates(asked, second.results, lambda metric, where: by_slice[where].get(metric)) if not problems else ()
    )
    return Comparison(
        champion=first.results.model,
        challenger=second.results.model,
        suite=second.results.suite.name,
        data_sha256=second.results.data.sha256,
        slice=slice_name,
        n=len(within),
        alpha=options.alpha,
        seed=options.seed,
        resamples=options.resamples,
        mcnemar=_mcnemar(within) if within else None,
        differences=found,
        slices=tuple(_slices(pairs, first, second)),
        flips=tuple(_flips(pairs)),
        gates=outcomes,
        problems=tuple(problems),
        reasons=tuple(_reasons(found, outcomes, problems, options.alpha)),
        verdict=_verdict(found, outcomes, problems, options.alpha),
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def compare_samples(
    champion: Sequence[Sample], challenger: Sequence[Sample], taxonomy: Taxonomy, options: Options
) -> tuple[Difference, ...]:
    """How every figure differs between two models' answers to the same posts, the tested ones with p-values.

    Args:
        champion: Posts with the champion's answers, at least one.
        challenger: The same posts in the same order with the challenger's answers.
        taxonomy: The labels.
        options: How it is made.
    """
    before, after = SampleArrays.of(champion, taxonomy), SampleArrays.of(challenger, taxonomy)
    differences = paired_differences(
        all_families(before, taxonomy),
        all_families(after, taxonomy),
        before.category,
        resamples=options.resamples,
        seed=options.seed,
    )
    p_values = p_values_between(before, after, taxonomy, options)
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return tuple(
        one.model_copy(update={"p": p_values[name], "p_adjusted": adjusted[name]}) if name in p_values else one
        for name, one in differences.items()
    )


def p_values_between(
    champion: SampleArrays, challenger: SampleArrays, taxonomy: Taxonomy, options: Options
) -> dict[str, float]:
    """The p-values, not yet corrected, of all that is tested: `accuracy` and `TESTED` where they are defined."""
    right = [arrays.predicted_category == arrays.category for arrays in (champion, challenger)]
    return {
        "accuracy": mcnemar(*right).p,
        **randomization_tests(
            sum_families(champion, taxonomy),
            sum_families(challenger, taxonomy),
            TESTED,
            draws=options.resamples,
            seed=options.seed,
        ),
    }


def read_comparison(folder: Path) -> Comparison:
    """Read the comparison in a folder.

    Raises:
        ResultsError: There is none, or not one that this version reads.
    """
    path = folder / COMPARISON
    try:
        return Comparison.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"no comparison in {folder}: cannot read {COMPARISON}: {error.strerror}") from error
    except ValidationError as error:
        raise ResultsError(f"{path} is not what this version reads: compare again") from error


_Pair = tuple[Record, Record]


def _mismatches(first: Recording, second: Recording) -> list[Problem]:
    """Why the two cannot be paired post by post."""
    one, other = first.results.model.taxonomy, second.results.model.taxonomy
    if (one.category_names, one.urgency_names) != (other.category_names, other.urgency_names):
        says = "the models' taxonomies have other labels: they can only be compared on the same ones"
        return problem("other-taxonomy", says, [f"{one.name} and {other.name}"])
    ours, theirs = ({record.key for record in recording.records} for recording in (first, second))
    found = [
        *problem(
            "missing-post",
            f"{second.folder} lacks {{count}} posts that {first.folder} holds: judge both on the same data",
            (record.name for record in first.records if record.key not in theirs),
        ),
        *problem(
            "missing-post",
            f"{first.folder} lacks {{count}} posts that {second.folder} holds: judge both on the same data",
            (record.name for record in second.records if record.key not in ours),
        ),
    ]
    if found:
        return found
    return problem(
        "other-gold",
        "{count} posts have other gold labels in the two folders: judge both on the same data",
        (b.name for a, b in _pairs(first, second) if _gold(a) != _gold(b)),
    )


def _own_problems(first: Recording, second: Recording) -> list[Problem]:
    return [
        found.model_copy(update={"says": f"{recording.folder}: {found.says}"})
        for recording in (first, second)
        for found in recording.results.problems
    ]


def _pairs(first: Recording, second: Recording) -> list[_Pair]:
    by_key = {record.key: record for record in first.records}
    return [(by_key[record.key], record) for record in second.records if record.key in by_key]


def _gold(record: Record) -> tuple[object, ...]:
    post = record.sample.post
    return post.category, post.urgency, frozenset(post.secondary)


def _samples(pairs: Sequence[_Pair]) -> tuple[list[Sample], list[Sample]]:
    return [one.sample for one, _ in pairs], [other.sample for _, other in pairs]


def _mcnemar(pairs: Sequence[_Pair]) -> McNemar:
    return mcnemar([not one.sample.wrong for one, _ in pairs], [not other.sample.wrong for _, other in pairs])


def _slices(pairs: Sequence[_Pair], first: Recording, second: Recording) -> list[SliceComparison]:
    shared = {found.name for found in first.results.parts}
    names = [found.name for found in second.results.parts[1:] if found.name in shared and pairs]
    held = {name: [(one, other) for one, other in pairs if name in other.slices] for name in names}
    tests = {name: _mcnemar(members) for name, members in held.items() if members}
    tested = [name for name, test in tests.items() if test.n >= MIN_SLICE]
    adjusted = dict(zip(tested, holm([tests[name].p for name in tested]), strict=True))
    return [
        SliceComparison(
            name=name,
            n=test.n,
            champion=sum(not one.sample.wrong for one, _ in held[name]) / test.n,
            challenger=sum(not other.sample.wrong for _, other in held[name]) / test.n,
            mcnemar=test,
            p_adjusted=adjusted.get(name),
        )
        for name, test in tests.items()
    ]


_DIRECTIONS = ("broken", "moved", "fixed")


def _flips(pairs: Sequence[_Pair]) -> list[Flip]:
    found = [flip for pair in pairs for flip in (_category_flip(*pair), _urgency_flip(*pair)) if flip]
    return sorted(found, key=lambda flip: (flip.scale, _DIRECTIONS.index(flip.direction)))


def _category_flip(one: Record, other: Record) -> Flip | None:
    said = [record.sample.prediction.category if record.sample.prediction else None for record in (one, other)]
    return _flip(other, "category", other.sample.post.category, *said)


def _urgency_flip(one: Record, other: Record) -> Flip | None:
    gold = other.sample.post.urgency
    said = [record.sample.prediction.urgency if record.sample.prediction else None for record in (one, other)]
    return _flip(other, "urgency", gold, *said) if gold is not None else None


def _flip(
    record: Record, scale: Literal["category", "urgency"], gold: str, before: str | None, after: str | None
) -> Flip | None:
    if before == after:
        return None
    return Flip(
        id=record.name,
        text_sha256=record.text_sha256,
        scale=scale,
        gold=gold,
        champion=before,
        challenger=after,
        direction="broken" if before == gold else "fixed" if after == gold else "moved",
    )


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
    return f"{one.metric} {one.champion:.3f} → {one.challenger:.3f}, adjusted p = {one.p_adjusted:.2g}"


def _detectable(found: Sequence[Difference]) -> str:
    named = [
        f"{one.metric} {one.minimum_detectable:.3f}" for one in found if one.p is not None and one.minimum_detectable
    ]
    return f"; so many posts would show one of {', '.join(named)} in four of five cases" if named else ""
