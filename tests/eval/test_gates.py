from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from eval.differences import Difference
from eval.gates import gate_results, judge_gates, needs_champion
from eval.results import EvaluationResults, read_results
from eval.verdict import Fairness, Gate, GateOutcome, LabelLimit, Limit, NonInferiority, Problem, overall
from tests.eval.data import prediction, sample
from tests.eval.folders import answered, labelled, write_folder
from tests.eval.made import results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("gates") / "run", answered(labelled(300), right=0.8, seed=1))


@pytest.fixture(scope="module")
def found(folder: Path) -> EvaluationResults:
    return read_results(folder)


def _one(results: EvaluationResults, gate: Gate) -> GateOutcome:
    (outcome,) = judge_gates([gate], results)
    return outcome


def _difference(loss: float, error: float, n: int = 1000) -> Difference:
    return Difference(
        metric="macro_f1",
        n=n,
        champion=0.8,
        challenger=0.8 - loss,
        difference=-loss,
        low=-loss - 1.96 * error,
        high=-loss + 1.96 * error,
        standard_error=error,
        loss_at_least=loss - 1.645 * error,
        loss_at_most=loss + 1.645 * error,
        minimum_detectable=2.8 * error,
        bearable_margin=max(2.49 * error, 3 / n),
    )


def _margin(difference: Difference | None, margin: float) -> GateOutcome:
    gate = NonInferiority(kind="non-inferiority", metric="macro_f1", margin=margin)
    (outcome,) = judge_gates([gate], results(), lambda metric, where: difference)
    return outcome


@pytest.mark.parametrize(("floor", "verdict"), [(0.7, "pass"), (0.9, "fail")])
def test_a_floor_is_kept_or_not(found: EvaluationResults, floor: float, verdict: str) -> None:
    outcome = _one(found, Limit(kind="limit", metric="accuracy", at_least=floor))
    assert outcome.verdict == verdict
    assert "n = 300" in outcome.says


def test_a_ceiling_is_for_what_should_be_small(found: EvaluationResults) -> None:
    assert _one(found, Limit(kind="limit", metric="urgency_under_triage", at_most=0.5)).verdict == "pass"
    assert _one(found, Limit(kind="limit", metric="urgency_under_triage", at_most=0.01)).verdict == "fail"


def test_a_floor_within_the_interval_is_noted_and_cannot_be_judged_where_certainty_is_asked(
    found: EvaluationResults,
) -> None:
    accuracy = found.find("accuracy")
    assert accuracy is not None
    just_below = accuracy.value - 0.001
    assert "reaches across" in _one(found, Limit(kind="limit", metric="accuracy", at_least=just_below)).says
    certain = Limit(kind="limit", metric="accuracy", at_least=just_below, certain=True)
    assert _one(found, certain).verdict == "cannot judge"


def test_a_figure_that_is_not_there_cannot_be_judged(found: EvaluationResults) -> None:
    outcome = _one(found, Limit(kind="limit", metric="secondary_f1", at_least=0.5))
    assert (outcome.verdict, "there is no secondary_f1" in outcome.says) == ("cannot judge", True)


def test_a_gate_may_ask_of_a_group(found: EvaluationResults) -> None:
    outcome = _one(found, Limit(kind="limit", metric="accuracy", at_least=0.5, slice="source = forum"))
    assert "n = 150" in outcome.says
    missing = _one(found, Limit(kind="limit", metric="accuracy", at_least=0.5, slice="source = moon"))
    assert missing.verdict == "cannot judge"


def test_few_posts_bear_no_gate() -> None:
    outcome = _one(results(), Limit(kind="limit", metric="accuracy", at_least=0.0))
    assert (outcome.verdict, outcome.says.endswith("30 posts are needed")) == ("cannot judge", True)


def test_each_label_must_reach_the_floor(found: EvaluationResults) -> None:
    assert _one(found, LabelLimit(kind="label-limit", metric="recall", at_least=0.5)).verdict == "pass"
    outcome = _one(found, LabelLimit(kind="label-limit", metric="recall", at_least=0.95, labels=["leak"]))
    assert (outcome.verdict, "leak" in outcome.says) == ("fail", True)


def test_a_label_with_few_posts_cannot_be_judged_by_its_own(found: EvaluationResults) -> None:
    gate = LabelLimit(kind="label-limit", metric="recall", at_least=0.1, min_n=200, labels=["leak", "praise"])
    outcome = _one(found, gate)
    assert outcome.verdict == "cannot judge"
    assert "praise has" in outcome.says and "leak has" in outcome.says


def test_urgencies_have_floors_too(found: EvaluationResults) -> None:
    gate = LabelLimit(kind="label-limit", metric="recall", at_least=0.5, scale="urgency", labels=["critical"])
    assert _one(found, gate).verdict == "pass"


def test_groups_close_together_are_fair(found: EvaluationResults) -> None:
    gate = Fairness(kind="fairness", metric="accuracy", column="source", at_most=0.2)
    assert _one(found, gate).verdict == "pass"


def _served_unequally(tmp_path: Path, n: int) -> EvaluationResults:
    posts = labelled(n)
    forum = answered(posts[1::2], right=0.5, seed=1)
    review = answered(posts[::2], right=0.95, seed=2)
    return read_results(write_folder(tmp_path / "run", [*forum, *review]))


def test_a_group_that_is_served_far_worse_is_unfair(tmp_path: Path) -> None:
    gate = Fairness(kind="fairness", metric="accuracy", column="source", at_most=0.1)
    outcome = _one(_served_unequally(tmp_path, 400), gate)
    assert outcome.verdict == "fail"
    assert outcome.says.startswith("source = forum")


def test_a_gap_that_chance_may_make_cannot_be_judged() -> None:
    gate = Fairness(kind="fairness", metric="accuracy", column="source", at_most=0.5, min_n=5)
    samples = [sample("leak", prediction("leak"), source="review") for _ in range(10)]
    samples += [sample("leak", prediction("leak" if index < 4 else "none"), source="forum") for index in range(10)]
    assert _one(results(samples), gate).verdict == "cannot judge"


def test_fairness_needs_two_groups(found: EvaluationResults) -> None:
    gate = Fairness(kind="fairness", metric="accuracy", column="channel", at_most=0.1)
    assert _one(found, gate).verdict == "cannot judge"


def test_a_challenger_within_the_margin_passes() -> None:
    assert _margin(_difference(0.0, 0.004), 0.02).verdict == "pass"


def test_a_challenger_beyond_the_margin_fails() -> None:
    assert _margin(_difference(0.05, 0.004), 0.02).verdict == "fail"


def test_a_sample_too_small_for_the_margin_is_said_with_what_it_can_bear() -> None:
    outcome = _margin(_difference(0.0, 0.02), 0.02)
    assert outcome.verdict == "cannot judge"
    assert "1,000 posts bear a margin of 0.050 or more; this one needs about 6,300 posts" in outcome.says


def test_a_large_enough_sample_that_does_not_show_it_fails() -> None:
    assert _margin(_difference(0.018, 0.004), 0.02).verdict == "fail"


def test_no_flip_among_few_posts_shows_little() -> None:
    assert _margin(_difference(0.0, 0.0, n=50), 0.02).verdict == "cannot judge"
    assert _margin(_difference(0.0, 0.0, n=500), 0.02).verdict == "pass"


def test_a_margin_without_a_figure_cannot_be_judged() -> None:
    assert _margin(None, 0.02).verdict == "cannot judge"


def test_without_a_champion_margins_are_left_for_a_comparison(folder: Path) -> None:
    gates: list[Gate] = [
        NonInferiority(kind="non-inferiority", metric="macro_f1", margin=0.02),
        Limit(kind="limit", metric="accuracy", at_least=0.5),
    ]
    assert [outcome.kind for outcome in gate_results(folder, gates)] == ["limit"]
    assert needs_champion(gates) == ["macro_f1 not worse than the champion's by 0.02"]


def test_a_failed_gate_outweighs_an_unsure_one_and_a_problem_outweighs_both() -> None:
    outcomes = [
        GateOutcome(name=verdict, kind="limit", verdict=verdict, says="")
        for verdict in ("pass", "cannot judge", "fail")
    ]
    assert overall(outcomes, []) == "fail"
    assert overall(outcomes[:2], []) == "cannot judge"
    assert overall(outcomes[:1], []) == "pass"
    assert overall([], []) is None
    assert overall(outcomes, [Problem(kind="duplicate-id", count=1, says="two")]) == "cannot judge"


def test_a_gate_that_is_not_required_does_not_decide() -> None:
    failed = GateOutcome(name="x", kind="limit", verdict="fail", says="", required=False)
    assert overall([failed], []) is None


@pytest.mark.parametrize("ends", [(None, None), (0.5, 0.9)])
def test_a_limit_has_exactly_one_end(ends: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValidationError, match="exactly one"):
        Limit(kind="limit", metric="accuracy", at_least=ends[0], at_most=ends[1])


def test_a_perfect_small_group_is_not_taken_for_certain() -> None:
    samples = [sample("leak", prediction("leak"), source="a") for _ in range(35)]
    samples += [sample("leak", prediction("leak" if index else "none"), source="b") for index in range(35)]
    found = results(samples)
    gate = Fairness(kind="fairness", metric="accuracy", column="source", at_most=0.01)
    assert _one(found, gate).verdict == "cannot judge"
