"""Labelled posts, each beside itself with a small change that changes nothing: does the answer stay?"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from earshot.post import Prediction
from earshot.records import LabelledPost
from eval.behaviour import Case, Check
from eval.checks import JudgedCase, share
from eval.errors import SuiteError
from eval.expectation import Expectation
from eval.perturbations import PERTURBATIONS
from eval.results import CheckResult
from eval.samples import digest_of

CAPABILITY = "robustness"


def perturbed(posts: Sequence[LabelledPost], names: Sequence[str]) -> list[Check]:
    """A test for each perturbation, with a case for each post that it changes.

    Args:
        posts: Labelled posts.
        names: Of perturbations; empty means all.

    Raises:
        SuiteError: There is no perturbation of that name, or one changes no post.
    """
    unknown = [name for name in names if name not in PERTURBATIONS]
    if unknown:
        raise SuiteError(f"unknown perturbation '{unknown[0]}', expected one of {', '.join(PERTURBATIONS)}")
    return [_check(name, posts) for name in names or PERTURBATIONS]


def _check(name: str, posts: Sequence[LabelledPost]) -> Check:
    change = PERTURBATIONS[name]
    # Chance depends on nothing but the post, so that more posts leave the cases there are as they were.
    pairs = [(change(post.text, Random(f"{name} {digest_of(post.text)}")), post.text) for post in posts]
    cases = tuple(dict.fromkeys(Case(text, base) for text, base in pairs if text != base))
    if not cases:
        raise SuiteError(f"the perturbation '{name}' leaves every post as it was: leave it out")
    said = (change.__doc__ or "").strip().rstrip(".")
    return Check(name, CAPABILITY, "invariance", said, Expectation(same_category=True), cases)


def with_accuracies(
    found: CheckResult, judged: Sequence[JudgedCase], posts: Sequence[LabelledPost], level: float
) -> CheckResult:
    """A perturbation's results with how accuracy and urgency change under it.

    Args:
        found: What became of the test.
        judged: Its cases.
        posts: The posts with their labels.
        level: Of the intervals.
    """
    gold = {post.text: post.category for post in posts}
    bases = [gold[one.case.base] for one in judged if one.case.base is not None]
    figures = [
        share("unperturbed_accuracy", _right([one.before for one in judged], bases), level),
        share("perturbed_accuracy", _right([one.result for one in judged], bases), level),
    ]
    levels = [
        (one.before.urgency_scores, one.before.urgency, one.result.urgency)
        for one in judged
        if isinstance(one.before, Prediction) and isinstance(one.result, Prediction)
    ]
    moved = [
        list(scores).index(after) - list(scores).index(before)
        for scores, before, after in levels
        if before is not None and after is not None
    ]
    if moved:
        figures.append(share("urgency_kept", [change == 0 for change in moved], level))
        figures.append(share("urgency_raised", [change > 0 for change in moved], level))
    return found.model_copy(update={"figures": (*found.figures, *figures)})


def _right(results: Sequence[object], gold: Sequence[str]) -> list[bool]:
    return [
        isinstance(result, Prediction) and result.category == category
        for result, category in zip(results, gold, strict=True)
    ]
