"""Two evaluations of the same labelled posts, compared post by post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from earshot.taxonomy import Taxonomy
from eval.compared import Comparison, Flip, Options, SliceComparison, compared_slices, concluded, problems_of
from eval.differences import Difference, McNemar, holm, mcnemar, paired_differences, randomization_tests
from eval.families import all_families, sum_families
from eval.gates import judge_gates
from eval.recording import Record, Recording
from eval.samples import Sample, SampleArrays
from eval.verdict import Gate, NonInferiority, Problem, problem

TESTED = ("macro_f1", "urgency_quadratic_kappa", "urgency_under_triage")
"""What is tested besides accuracy, which McNemar's test is for."""


def compare_posts(
    champion: Path,
    challenger: Path,
    *,
    gates: Sequence[Gate] | None = None,
    options: Options,
) -> Comparison:
    """Compare two evaluations of the same labelled posts; see `eval.comparison.compare`.

    Raises:
        ResultsError: A folder holds no evaluation, or one that cannot be read.
    """
    first, second = Recording.read(champion), Recording.read(challenger)
    problems = [*first.duplicates(), *second.duplicates(), *_mismatches(first, second)]
    pairs = [] if problems else _pairs(first, second)
    problems += [*problems_of(first.results, champion), *problems_of(second.results, challenger)]
    slice_name, taxonomy = second.results.primary.name, second.results.model.taxonomy
    within = _within(pairs, slice_name)
    found = compare_samples(*_samples(within), taxonomy, options) if within else ()
    asked = second.results.suite.gates if gates is None else tuple(gates)
    by_slice: dict[str | None, Mapping[str, Difference]] = {None: {one.metric: one for one in found}}
    for name in {gate.slice for gate in asked if isinstance(gate, NonInferiority) and gate.slice}:
        chosen = _within(pairs, name)
        differences = compare_samples(*_samples(chosen), taxonomy, options) if chosen else ()
        by_slice[name] = {one.metric: one for one in differences}
    outcomes = judge_gates(asked, second.results, lambda metric, where: by_slice[where].get(metric))
    return concluded(
        first.results,
        second.results,
        options,
        slice_name=slice_name,
        n=len(within),
        test=_mcnemar(within) if within else None,
        differences=found,
        slices=_slices(pairs, first, second),
        flips=_flips(pairs),
        outcomes=() if problems else outcomes,
        problems=problems,
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


def _pairs(first: Recording, second: Recording) -> list[_Pair]:
    by_key = {record.key: record for record in first.records}
    return [(by_key[record.key], record) for record in second.records if record.key in by_key]


def _within(pairs: Sequence[_Pair], slice_name: str) -> list[_Pair]:
    return [(one, other) for one, other in pairs if slice_name in other.slices]


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
    held = {name: _within(pairs, name) for name in names}
    tests = {name: _mcnemar(members) for name, members in held.items() if members}
    return compared_slices(
        tests,
        {
            name: tuple(sum(not pair[side].sample.wrong for pair in held[name]) / test.n for side in (0, 1))
            for name, test in tests.items()
        },
    )


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
