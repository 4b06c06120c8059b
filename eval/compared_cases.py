"""Two runs of the same behaviour tests, compared case by case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.checks import ALL
from eval.compared import Comparison, Flip, Options, SliceComparison, compared_slices, concluded, problems_of
from eval.differences import Difference, McNemar, mcnemar, paired_differences
from eval.gates import judge_gates
from eval.metrics.behaviour import pass_family
from eval.recording import Case, read_cases
from eval.results import PREDICTIONS, read_results
from eval.verdict import Gate, problem


def compare_cases(
    champion: Path, challenger: Path, *, gates: Sequence[Gate] | None = None, options: Options
) -> Comparison:
    """Compare two runs of the same behaviour tests: which cases hold with one model and not with the other.

    Args:
        champion: The folder of the model in use.
        challenger: The folder of the model that wants its place.
        gates: Other gates than those of the suite that judged the challenger.
        options: How it is made.

    Raises:
        ResultsError: A folder holds no evaluation, or one that cannot be read.
    """
    before, after = read_results(champion), read_results(challenger)
    ours, theirs = (read_cases(folder / PREDICTIONS) for folder in (champion, challenger))
    keys = {(case.name, case.text_sha256) for case in ours} ^ {(case.name, case.text_sha256) for case in theirs}
    says = f"{{count}} cases are not the same in {champion} and {challenger}: run both on the same tests"
    problems = [
        *problem("missing-post", says, sorted(name for name, _ in keys)),
        *problems_of(before, champion),
        *problems_of(after, challenger),
    ]
    pairs = [] if keys else list(zip(ours, theirs, strict=True))
    differences = _passes(pairs, options) if pairs else ()
    found = {one.metric: one for one in differences}
    asked = after.suite.gates if gates is None else tuple(gates)
    return concluded(
        before,
        after,
        options,
        slice_name=ALL,
        n=len(pairs),
        test=_case_test(pairs) if pairs else None,
        differences=differences,
        slices=_case_slices(pairs, [group.name for group in after.check_groups[1:]]),
        flips=[
            Flip(
                id=one.name,
                text_sha256=one.text_sha256,
                scale="case",
                gold="holds",
                champion="holds" if one.passed else "fails",
                challenger="holds" if other.passed else "fails",
                direction="broken" if one.passed else "fixed",
            )
            for one, other in sorted(pairs, key=lambda pair: not pair[0].passed)
            if one.passed != other.passed
        ],
        outcomes=() if problems else judge_gates(asked, after, lambda metric, where: found.get(metric)),
        problems=problems,
    )


def _passes(pairs: Sequence[tuple[Case, Case]], options: Options) -> tuple[Difference, ...]:
    """The pass rate's difference; resampled by case, each test a stratum of its own."""
    tests = {name: index for index, name in enumerate(dict.fromkeys(one.test for one, _ in pairs))}
    strata = np.array([tests[one.test] for one, _ in pairs])
    before, after = ([pass_family([pair[side].passed for pair in pairs])] for side in (0, 1))
    found = paired_differences(before, after, strata, resamples=options.resamples, seed=options.seed)
    p = _case_test(pairs).p
    return tuple(one.model_copy(update={"p": p, "p_adjusted": p}) for one in found.values())


def _case_test(pairs: Sequence[tuple[Case, Case]]) -> McNemar:
    return mcnemar([one.passed for one, _ in pairs], [other.passed for _, other in pairs])


def _case_slices(pairs: Sequence[tuple[Case, Case]], names: Sequence[str]) -> list[SliceComparison]:
    held = {name: [pair for pair in pairs if name in pair[1].slices] for name in names}
    tests = {name: _case_test(members) for name, members in held.items() if members}
    return compared_slices(
        tests,
        {
            name: tuple(sum(pair[side].passed for pair in held[name]) / test.n for side in (0, 1))
            for name, test in tests.items()
        },
    )
