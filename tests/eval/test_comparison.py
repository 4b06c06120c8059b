from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.comparison import Comparison, Options, compare
from eval.errors import ResultsError
from eval.results import PREDICTIONS
from eval.samples import Sample
from eval.verdict import Limit, NonInferiority
from tests.eval.data import rejection
from tests.eval.folders import answered, flipped, labelled, write_folder

QUICK = Options(resamples=200)
N = 300


@pytest.fixture(scope="module")
def champion_samples() -> list[Sample]:
    return answered(labelled(N), right=0.85, seed=1)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory, champion_samples: list[Sample]) -> Path:
    return write_folder(tmp_path_factory.mktemp("champion") / "run", champion_samples)


def _against(champion: Path, tmp_path: Path, samples: list[Sample], *gates: Limit | NonInferiority) -> Comparison:
    return compare(champion, write_folder(tmp_path / "challenger", samples, gates=gates), options=QUICK)


def test_a_challenger_with_ten_percent_flipped_labels_is_refused_and_named_significant(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    found = _against(champion, tmp_path, flipped(champion_samples, share=0.1, seed=3))
    assert found.verdict == "fail"
    assert any("significantly worse: macro_f1" in reason for reason in found.reasons)
    assert found.mcnemar is not None and found.mcnemar.p < 0.001


def test_a_model_against_itself_passes_without_flips(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    found = _against(champion, tmp_path, champion_samples)
    assert found.verdict == "pass"
    assert found.flips == ()
    assert {one.p_adjusted for one in found.tests} == {1.0}


def test_a_better_challenger_passes_and_is_named_better(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    better = answered([sample.post for sample in champion_samples], right=0.99, seed=9)
    found = _against(champion, tmp_path, better)
    assert found.verdict == "pass"
    assert any("significantly better" in reason for reason in found.reasons)


def test_accuracy_macro_f1_kappa_and_under_triage_are_tested_together(champion: Path) -> None:
    found = compare(champion, champion, options=QUICK)
    assert [one.metric for one in found.tests] == [
        "accuracy",
        "macro_f1",
        "urgency_quadratic_kappa",
        "urgency_under_triage",
    ]


def test_flips_are_listed_each_way_without_any_text(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    found = _against(champion, tmp_path, flipped(champion_samples, share=0.1, seed=3))
    assert found.mcnemar is not None
    of_category = [flip for flip in found.flips if flip.scale == "category"]
    directions = [flip.direction for flip in of_category]
    assert len(of_category) == 30
    assert directions.count("broken") == found.mcnemar.champion_only
    assert directions.count("fixed") == found.mcnemar.challenger_only
    assert {flip.direction for flip in found.flips if flip.gold == flip.champion} == {"broken"}
    assert "post 7" not in found.model_dump_json()


def test_posts_are_paired_whatever_their_order(champion: Path, champion_samples: list[Sample], tmp_path: Path) -> None:
    found = _against(champion, tmp_path, champion_samples[::-1])
    assert (found.n, found.flips, found.verdict) == (N, (), "pass")


def test_groups_are_compared_with_a_correction_of_their_own(champion: Path) -> None:
    found = compare(champion, champion, options=QUICK)
    assert [(one.name, one.n) for one in found.slices] == [("source = forum", 150), ("source = review", 150)]
    assert {one.p_adjusted for one in found.slices} == {1.0}


def test_a_missing_post_is_named_counted_and_cannot_be_judged(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    found = _against(champion, tmp_path, champion_samples[3:])
    assert found.verdict == "cannot judge"
    (problem,) = found.problems
    assert (problem.kind, problem.count) == ("missing-post", 3)
    assert problem.examples == ("p0", "p1", "p2")
    assert found.n == 0


def test_a_duplicate_id_is_named_counted_and_cannot_be_judged(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    found = _against(champion, tmp_path, [*champion_samples, champion_samples[5]])
    assert found.verdict == "cannot judge"
    assert [(one.kind, one.examples) for one in found.problems] == [("duplicate-id", ("p5",))]


def test_the_same_id_with_another_text_is_another_post(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    first, *rest = champion_samples
    found = _against(champion, tmp_path, [Sample(replace(first.post, text="edited"), first.result), *rest])
    assert found.verdict == "cannot judge"
    assert [one.count for one in found.problems] == [1, 1]


def test_other_gold_labels_cannot_be_judged(champion: Path, champion_samples: list[Sample], tmp_path: Path) -> None:
    first, *rest = champion_samples
    other = "leak" if first.post.category != "leak" else "praise"
    found = _against(champion, tmp_path, [Sample(replace(first.post, category=other), first.result), *rest])
    assert [(one.kind, one.examples) for one in found.problems] == [("other-gold", ("p0",))]
    assert found.verdict == "cannot judge"


def test_an_unknown_category_in_the_recorded_predictions_is_named(
    champion_samples: list[Sample], champion: Path, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "run", champion_samples)
    path = folder / PREDICTIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[4]["prediction"]["category"] = "spam"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(ResultsError, match="p4 is predicted a category"):
        compare(champion, folder)


def test_predictions_of_an_earlier_version_are_refused_with_what_to_do(
    champion_samples: list[Sample], champion: Path, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "run", champion_samples)
    path = folder / PREDICTIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    del lines[0]["slices"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"line 1: lacks 'slices'.*again"):
        compare(champion, folder)


def test_a_post_that_the_challenger_rejects_is_wrong_and_still_counted(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    rejected = [Sample(sample.post, rejection()) for sample in champion_samples[:40]]
    found = _against(champion, tmp_path, [*rejected, *champion_samples[40:]])
    assert (found.n, found.verdict) == (N, "fail")


def test_a_gate_that_fails_refuses_a_challenger_that_is_no_worse(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    gate = Limit(kind="limit", metric="macro_f1", at_least=0.99)
    found = _against(champion, tmp_path, champion_samples, gate)
    assert found.verdict == "fail"
    assert any("macro_f1 at least 0.99: fail" in reason for reason in found.reasons)


def test_a_margin_that_the_sample_cannot_bear_is_said_and_not_passed(
    champion: Path, champion_samples: list[Sample], tmp_path: Path
) -> None:
    gate = NonInferiority(kind="non-inferiority", metric="accuracy", margin=0.005)
    found = _against(champion, tmp_path, champion_samples, gate)
    assert found.verdict == "cannot judge"
    assert "300 posts bear a margin of 0.010 or more; this one needs about 600 posts" in found.gates[0].says


def test_other_gates_may_be_asked_than_those_of_the_suite(champion: Path) -> None:
    gate = NonInferiority(kind="non-inferiority", metric="accuracy", margin=0.02)
    found = compare(champion, champion, gates=[gate], options=QUICK)
    assert [outcome.verdict for outcome in found.gates] == ["pass"]
    assert found.verdict == "pass"
