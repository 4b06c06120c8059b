from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot import Post, Prediction, Taxonomy
from earshot.calibration import Scores
from earshot.decision import Thresholds, decide, median_level
from earshot.screening import Screening
from earshot.taxonomy import Category, Urgency
from earshot.tokenization import Encoding

TAXONOMY = Taxonomy(
    name="three",
    categories=(Category(name="a", route="ward"), Category(name="b"), Category(name="other")),
    out_of_scope="other",
    urgencies=(Urgency(name="calm"), Urgency(name="soon"), Urgency(name="now")),
)
THRESHOLDS = Thresholds(min_confidence=0.5, min_margin=0.1, min_secondary=0.3)
JUDGED = Screening(blank=False)


def decided(
    category: list[float],
    *,
    secondary: list[float] | None = None,
    urgency: list[float] | None = None,
    screening: Screening = JUDGED,
    truncated: bool = False,
) -> Prediction:
    scores = Scores(
        category=np.array([category]),
        secondary=np.array([secondary or [0.0] * len(category)]),
        urgency=None if urgency is None else np.array([urgency]),
    )
    encoding = Encoding(ids=np.array([2, 7, 3]), tokens=1, truncated=truncated)
    return decide(Post("text", id="p1"), encoding, screening, scores, 0, taxonomy=TAXONOMY, thresholds=THRESHOLDS)


def test_the_most_probable_category_wins_with_its_route() -> None:
    prediction = decided([0.7, 0.2, 0.1])
    assert (prediction.id, prediction.category, prediction.confidence) == ("p1", "a", 0.7)
    assert (prediction.route, prediction.needs_review, prediction.review_reasons) == ("ward", False, ())
    assert prediction.scores == {"a": 0.7, "b": 0.2, "other": 0.1}
    assert decided([0.1, 0.8, 0.1]).route is None


def test_equal_scores_go_to_the_category_named_first() -> None:
    assert decided([0.2, 0.4, 0.4]).category == "b"


def test_thresholds_are_themselves_enough() -> None:
    assert decided([0.5, 0.25, 0.25]).review_reasons == ()
    assert decided([0.5, 0.2, 0.3], secondary=[0.0, 0.3, 0.0]).secondary == ("b",)


def test_reasons_come_in_the_order_of_the_contract() -> None:
    prediction = decided([0.4, 0.35, 0.25], screening=Screening(blank=False, reasons=("too_short",)))
    assert prediction.review_reasons == ("low_confidence", "ambiguous", "too_short")
    assert prediction.needs_review


def test_a_close_second_makes_ambiguous_even_when_confident() -> None:
    assert decided([0.52, 0.48, 0.0]).review_reasons == ("ambiguous",)


def test_secondary_categories_are_sorted_and_neither_the_best_nor_out_of_scope() -> None:
    assert decided([0.1, 0.1, 0.8], secondary=[0.4, 0.9, 0.99]).secondary == ("b", "a")
    assert decided([0.8, 0.1, 0.1], secondary=[0.9, 0.2, 0.9]).secondary == ()


@pytest.mark.parametrize(
    ("probabilities", "level"),
    [
        ([1.0, 0.0, 0.0], 0),
        ([0.4, 0.2, 0.4], 1),  # the middle, although both ends are more probable
        ([0.5, 0.0, 0.5], 0),
        ([0.49, 0.02, 0.49], 1),
        ([0.0, 0.0, 1.0], 2),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.5], 4),  # these floats sum to 0.5 before the last, give or take a rounding
    ],
)
def test_the_urgency_is_the_median(probabilities: list[float], level: int) -> None:
    assert median_level(np.array(probabilities)) == level


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=6))
def test_the_median_has_at_most_half_on_either_side(weights: list[float]) -> None:
    probabilities = np.array(weights) / sum(weights)
    level = median_level(probabilities)
    assert probabilities[:level].sum() <= 0.5 + 1e-6
    assert probabilities[level + 1 :].sum() <= 0.5 + 1e-6


def test_urgency_scores_are_named_from_lowest_to_highest() -> None:
    prediction = decided([0.7, 0.2, 0.1], urgency=[0.2, 0.7, 0.1])
    assert prediction.urgency == "soon"
    assert list(prediction.urgency_scores.items()) == [("calm", 0.2), ("soon", 0.7), ("now", 0.1)]


def test_without_urgencies_there_is_none() -> None:
    prediction = decided([0.7, 0.2, 0.1])
    assert (prediction.urgency, prediction.urgency_scores) == (None, {})


def test_tokens_and_truncation_are_passed_on() -> None:
    prediction = decided([0.7, 0.2, 0.1], truncated=True)
    assert (prediction.tokens, prediction.truncated) == (1, True)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda values: sum(values) > 0))
def test_review_is_needed_exactly_for_a_reason(weights: list[float]) -> None:
    prediction = decided((np.array(weights) / sum(weights)).tolist())
    assert prediction.needs_review == bool(prediction.review_reasons)
    assert prediction.confidence == max(prediction.scores.values()) == prediction.scores[prediction.category]
