from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from eval.metrics.classification import classification, confusion_matrix
from eval.metrics.family import Ints

LABELS = ("a", "b", "c", "d")
K = len(LABELS)
PAIRS = st.lists(st.tuples(st.integers(0, K - 1), st.integers(0, K)), min_size=1, max_size=60)


def _arrays(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    gold, predicted = np.array(pairs, dtype=np.int64).T
    return gold, predicted


def _values(gold: Ints, predicted: Ints) -> dict[str, float]:
    return {name: float(one.value) for name, one in classification(gold, predicted, LABELS).measure().items()}


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_figures_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = _arrays(pairs)
    values = _values(gold, predicted)
    occurring = sorted({*gold.tolist(), *predicted.tolist()} - {K})
    macro = sklearn_metrics.f1_score(gold, predicted, labels=occurring, average="macro", zero_division=0)
    assert values["macro_f1"] == pytest.approx(macro, abs=1e-12)
    assert values["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(gold, predicted), abs=1e-12)
    columns = sklearn_metrics.precision_recall_fscore_support(
        gold, predicted, labels=list(range(K)), zero_division=np.nan
    )
    for index, label in enumerate(LABELS):
        for metric, column in zip(("precision", "recall", "f1"), columns, strict=False):
            if metric == "f1" and label in (LABELS[one] for one in occurring):
                # scikit-learn calls F1 undefined wherever precision or recall is; here it is 0 while there is a miss.
                expected = np.nan_to_num(column[index])
            else:
                expected = column[index]
            assert values[f"{metric}[{label}]"] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_worked_example() -> None:
    gold, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    values = _values(gold, predicted)
    assert values["accuracy"] == pytest.approx(4 / 6)
    assert values["precision[b]"] == 1 / 2
    assert values["recall[a]"] == pytest.approx(2 / 3)
    assert values["f1[a]"] == pytest.approx(4 / 5)
    assert values["macro_f1"] == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, K - 1), min_size=1, max_size=40))
def test_perfect_predictions_score_one(labels: list[int]) -> None:
    gold = np.array(labels)
    values = _values(gold, gold)
    assert values["accuracy"] == values["macro_f1"] == 1.0


@settings(deadline=None, max_examples=30)
@given(PAIRS, st.randoms())
def test_the_order_of_posts_does_not_matter(pairs: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert _values(*_arrays(pairs)) == pytest.approx(_values(*_arrays(shuffled)), nan_ok=True)


def test_a_label_that_never_occurs_is_undefined_and_not_averaged() -> None:
    gold = np.array([0, 1])
    values = _values(gold, gold)
    assert np.isnan(values["f1[d]"])
    assert np.isnan(values["precision[d]"])
    assert values["macro_f1"] == 1.0


def test_a_post_without_prediction_counts_as_wrong() -> None:
    values = _values(np.array([0, 0]), np.array([0, K]))
    assert values["accuracy"] == values["recall[a]"] == 0.5
    assert values["precision[a]"] == 1.0


def test_a_post_without_gold_label_is_not_counted() -> None:
    measured = classification(np.array([0, -1]), np.array([0, 1]), LABELS, prefix="urgency_").measure()
    assert measured["urgency_accuracy"].value == 1.0
    assert measured["urgency_accuracy"].n == 1
    assert measured["urgency_precision[b]"].n == 0


def test_the_confusion_matrix_keeps_a_column_for_no_prediction() -> None:
    counts = confusion_matrix(np.array([0, 0, 1, -1]), np.array([0, K, 2, 3]), K)
    assert counts.shape == (K, K + 1)
    assert counts[0].tolist() == [1, 0, 0, 0, 1]
    assert counts[1].tolist() == [0, 0, 1, 0, 0]
    assert counts.sum() == 3


def test_the_confusion_matrix_of_no_gold_labels_is_empty() -> None:
    assert confusion_matrix(np.array([-1]), np.array([0]), K).sum() == 0
