"""Behaviour tests judged: cases → predictions → what holds and what does not, with pass rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from earshot.post import Post, Prediction, Result
from earshot.taxonomy import Taxonomy
from eval.behaviour import Case, Check
from eval.expectation import Failure
from eval.results import CheckGroup, CheckResult, Figure
from eval.samples import digest_of
from eval.wilson import wilson

KINDS = {"minimum": "minimum functionality", "invariance": "invariance", "directional": "directional"}
"""What gates and reports call the kinds."""
ALL = "all"


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A case with what was said of it.

    Attributes:
        name: The test's name and the case's number.
        check: The test.
        case: The post, and what it is judged against.
        result: Of the post.
        before: Of the unchanged post; None where there is none.
        failures: What does not hold, in words.
    """

    name: str
    check: Check
    case: Case
    result: Result
    before: Result | None
    failures: tuple[str, ...]

    @property
    def failure(self) -> Failure | None:
        """What does not hold, without any text; None when all does."""
        if not self.failures:
            return None
        return Failure(case=self.name, text_sha256=digest_of(self.case.text), says=self.failures)

    def as_record(self) -> dict[str, object]:
        """The case as a JSON object without any text."""
        return {
            "id": self.name,
            "text_sha256": digest_of(self.case.text),
            "base_sha256": None if self.case.base is None else digest_of(self.case.base),
            "slices": [ALL, KINDS[self.check.kind], self.check.capability, self.check.name],
            "passed": not self.failures,
            "failures": list(self.failures),
            "prediction": self.result.as_dict(),
            "base_prediction": None if self.before is None else self.before.as_dict(),
        }


def posts_of(checks: Iterable[Check]) -> list[Post]:
    """Every post that the checks need judged, each once."""
    texts = (text for check in checks for case in check.cases for text in (case.base, case.text) if text is not None)
    return [Post(text) for text in dict.fromkeys(texts)]


def judge_checks(checks: Iterable[Check], said: Mapping[str, Result], taxonomy: Taxonomy) -> list[JudgedCase]:
    """Judge every case.

    Args:
        checks: The tests.
        said: By text, what the model said.
        taxonomy: The labels.
    """
    return [
        _judged(f"{check.name}/{number}", check, case, said, taxonomy)
        for check in checks
        for number, case in enumerate(check.cases, start=1)
    ]


def _judged(name: str, check: Check, case: Case, said: Mapping[str, Result], taxonomy: Taxonomy) -> JudgedCase:
    result, before = said[case.text], None if case.base is None else said[case.base]
    if not isinstance(result, Prediction) or (before is not None and not isinstance(before, Prediction)):
        return JudgedCase(name, check, case, result, before, ("no prediction",))
    return JudgedCase(name, check, case, result, before, tuple(check.expect.failures(result, before, taxonomy)))


def check_results(judged: Sequence[JudgedCase], confidence_level: float) -> tuple[CheckResult, ...]:
    """What became of each test, in order.

    Args:
        judged: Cases, those of a test one after the other.
        confidence_level: Of the pass rates' intervals.
    """
    by_check = itertools.groupby(judged, key=lambda one: one.check.name)
    return tuple(_result(list(cases), confidence_level) for _, cases in by_check)


def _result(cases: Sequence[JudgedCase], level: float) -> CheckResult:
    check = cases[0].check
    return CheckResult(
        name=check.name,
        capability=check.capability,
        kind=check.kind,
        why=check.why,
        n=len(cases),
        passed=sum(not one.failures for one in cases),
        figures=(pass_rate(cases, level),),
        failures=tuple(failure for one in cases if (failure := one.failure)),
    )


def check_groups(judged: Sequence[JudgedCase], confidence_level: float) -> tuple[CheckGroup, ...]:
    """Pass rates of all cases, of each kind of test, and of each capability."""
    groups: dict[str, list[JudgedCase]] = {ALL: list(judged)}
    for one in judged:
        groups.setdefault(KINDS[one.check.kind], []).append(one)
    for one in judged:
        groups.setdefault(one.check.capability, []).append(one)
    return tuple(
        CheckGroup(
            name=name,
            n=len(cases),
            passed=sum(not one.failures for one in cases),
            figures=tuple(_group_figures(cases, confidence_level)),
        )
        for name, cases in groups.items()
    )


def _group_figures(cases: Sequence[JudgedCase], level: float) -> Iterator[Figure]:
    yield pass_rate(cases, level)
    rates = [
        sum(not one.failures for one in held) / len(held)
        for held in (list(group) for _, group in itertools.groupby(cases, key=lambda one: one.check.name))
    ]
    yield Figure(metric="lowest_pass_rate", value=min(rates), low=None, high=None, n=len(rates))


def pass_rate(cases: Sequence[JudgedCase], level: float) -> Figure:
    """The share of cases that hold."""
    return share("pass_rate", [not one.failures for one in cases], level)


def share(metric: str, marks: Sequence[bool], level: float) -> Figure:
    """A share with its Wilson interval."""
    low, high = wilson(sum(marks), len(marks), level)
    return Figure(metric=metric, value=sum(marks) / len(marks), low=low, high=high, n=len(marks))
