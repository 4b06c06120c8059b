from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from earshot.taxonomy import Category, Taxonomy
from eval.errors import SuiteError
from eval.evaluation import Findings, Resampling, judge
from eval.results import GroupResult, SliceResult
from eval.samples import Sample
from eval.slices import Slice
from eval.suite import Suite
from tests.eval.data import TAXONOMY, prediction, rejection, sample

SUITE = Suite(name="tests", data="none")
CLEAR = Slice(name="clear", where={"ambiguous": False})
QUICK = Resampling(resamples=100)


def _judge(samples: Sequence[Sample], suite: Suite = SUITE, taxonomy: Taxonomy = TAXONOMY) -> Findings:
    return judge(samples, suite, taxonomy, QUICK)


def _value(found: SliceResult | GroupResult, metric: str) -> float:
    figure = found.figure(metric)
    assert figure is not None
    return figure.value


def _perfect(n: int = 3) -> list[Sample]:
    return [
        sample(category, prediction(category, 0.99, urgency=urgency), urgency=urgency)
        for category in TAXONOMY.category_names
        for urgency in TAXONOMY.urgency_names
        for _ in range(n)
    ]


def test_a_perfect_model_is_perfect() -> None:
    (found,) = _judge(_perfect()).slices
    for metric in ("accuracy", "macro_f1", "urgency_accuracy", "urgency_macro_f1", "urgency_quadratic_kappa"):
        assert _value(found, metric) == 1.0
    for metric in ("urgency_mean_absolute_error", "review_share", "error_among_rest"):
        assert _value(found, metric) == 0.0
    assert found.confusion.counts[0] == (12, 0, 0, 0, 0, 0, 0)
    assert [row.support for row in found.categories] == [12] * 6


def test_every_figure_carries_n_and_an_interval_that_is_somewhere_near() -> None:
    samples = [*_perfect(), *(sample("leak", prediction("none"), urgency="high") for _ in range(10))]
    (found,) = _judge(samples).slices
    one_side = {"in_scope_accuracy": 70, "out_of_scope_recall": 12, "urgency_critical_missed": 18}
    for figure in found.figures:
        assert figure.low is not None and figure.high is not None and figure.low <= figure.high
        assert figure.n == one_side.get(figure.metric, len(samples))


def test_a_rejected_post_is_counted_and_wrong() -> None:
    (found,) = _judge([sample("leak", prediction("leak")), sample("leak", rejection())]).slices
    assert (found.n, found.rejected) == (2, 1)
    assert _value(found, "accuracy") == 0.5
    assert _value(found, "review_share") == 0.5
    assert found.confusion.counts[4][-1] == 1
    ece = found.figure("ece")
    assert ece is not None and ece.n == 1


def test_a_category_that_does_not_occur_has_no_figures_rather_than_zeros() -> None:
    (found,) = _judge([sample("leak", prediction("leak"))] * 3).slices
    praise = next(row for row in found.categories if row.label == "praise")
    assert (praise.support, praise.precision, praise.recall, praise.f1) == (0, None, None, None)


def test_a_category_predicted_but_never_gold_lowers_macro_f1() -> None:
    (found,) = _judge([sample("leak", prediction("leak")), sample("leak", prediction("praise"))]).slices
    assert _value(found, "macro_f1") == pytest.approx((2 / 3 + 0) / 2)


def test_without_gold_urgency_nothing_is_said_of_urgency() -> None:
    (found,) = _judge([sample("leak", prediction("leak"), urgency=None)] * 3).slices
    assert found.urgency_n == 0
    assert found.urgencies == ()
    assert found.urgency_confusion is None
    assert not any(figure.metric.startswith("urgency") for figure in found.figures)


def test_posts_without_gold_urgency_are_left_out_of_urgency_alone() -> None:
    samples = [*_perfect(1), sample("leak", prediction("leak"), urgency=None)]
    (found,) = _judge(samples).slices
    kappa = found.figure("urgency_quadratic_kappa")
    assert kappa is not None
    assert (kappa.n, found.urgency_n, found.n) == (24, 24, 25)


def test_a_taxonomy_without_urgencies_is_judged_on_categories() -> None:
    taxonomy = Taxonomy(name="two", categories=(Category(name="leak"), Category(name="none")))
    said = replace(prediction("leak"), scores={"leak": 0.9, "none": 0.1}, urgency=None, urgency_scores={})
    bare = sample("none", said)
    (found,) = _judge([bare] * 2, taxonomy=taxonomy).slices
    assert _value(found, "accuracy") == 0.0
    assert found.urgency_n == 0


def test_the_first_slice_is_the_primary_one_and_empty_ones_are_absent() -> None:
    slices = [
        CLEAR,
        Slice(name="leaks", where={"category": "leak"}),
        Slice(name="praise", where={"category": "praise"}),
    ]
    samples = [sample("leak", prediction("leak")), sample("leak", prediction("none"), ambiguous=True)]
    findings = _judge(samples, Suite(name="x", data="none", slices=slices))
    assert [(found.name, found.n) for found in findings.slices] == [("clear", 1), ("leaks", 2)]
    assert findings.primary == (samples[0],)


def test_an_empty_primary_slice_is_an_error() -> None:
    with pytest.raises(SuiteError, match="holds no post"):
        _judge([sample("leak", prediction("leak"), ambiguous=True)], Suite(name="x", data="n", slices=[CLEAR]))


@pytest.mark.parametrize(
    "suite",
    [
        Suite(name="x", data="none", slices=[Slice(name="de", where={"language": "de"})]),
        Suite(name="x", data="none", group_by=["language"]),
    ],
    ids=["slice", "group"],
)
def test_a_column_that_no_post_has_is_an_error(suite: Suite) -> None:
    with pytest.raises(SuiteError, match="'language'"):
        _judge([sample("leak", prediction("leak"))], suite)


def test_groups_lie_within_the_primary_slice_largest_first() -> None:
    samples = [
        sample("leak", prediction("leak"), source="forum"),
        sample("leak", prediction("none"), source="tweet"),
        sample("leak", prediction("leak"), source="tweet"),
        sample("leak", prediction("leak"), source="chat", ambiguous=True),
    ]
    suite = Suite(name="x", data="none", slices=[CLEAR], group_by=["source"])
    groups = _judge(samples, suite).groups
    assert [(group.column, group.value, group.n) for group in groups] == [
        ("source", "tweet", 2),
        ("source", "forum", 1),
    ]
    assert _value(groups[0], "accuracy") == 0.5


def test_the_order_of_posts_changes_no_figure() -> None:
    samples = [*_perfect(1), *(sample("billing", prediction("leak", 0.4, urgency="high")) for _ in range(4))]
    (forth,), (back,) = _judge(samples).slices, _judge(samples[::-1]).slices
    assert [one.value for one in forth.figures] == pytest.approx([one.value for one in back.figures])
    assert forth.confusion == back.confusion


def test_findings_hold_no_text() -> None:
    findings = _judge([sample("leak", prediction("leak"), text="secret words", source="forum")])
    assert "secret" not in json.dumps([found.model_dump(mode="json") for found in findings.slices])


def test_review_reasons_are_counted() -> None:
    samples = [sample("leak", prediction("leak", review_reasons=("low_confidence", "ambiguous")))] * 2
    samples.append(sample("leak", prediction("leak", review_reasons=("ambiguous",))))
    (found,) = _judge(samples).slices
    assert found.review_reasons == {"ambiguous": 3, "low_confidence": 2}
    assert found.figure("error_among_rest") is None
