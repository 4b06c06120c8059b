from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from earshot.calibration import Calibration, Scores, ordinal, sigmoid, softmax
from earshot.session import Logits
from training.class_weights import ClassWeights
from training.config import DecisionConfig
from training.dataset import NO_URGENCY, Dataset
from training.fit_calibration import fit_calibration
from training.select_thresholds import select_thresholds

N = 6000
ALIKE = ClassWeights(np.ones(4), np.ones(4))


def _draw(probabilities: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.int64]:
    return np.asarray((probabilities.cumsum(axis=1) < random.random((len(probabilities), 1))).sum(axis=1))


@pytest.fixture(scope="module")
def overconfident() -> tuple[Logits, Dataset]:
    """Labels drawn from known probabilities, and logits that exaggerate them."""
    random = np.random.default_rng(11)
    category = random.normal(0, 1.5, (N, 4))
    urgency = random.normal(0, 1.5, (N, 3))
    secondary = random.normal(-2, 1, (N, 4))
    data = Dataset(
        texts=[""] * N,
        category=_draw(softmax(category), random),
        passing=(random.random((N, 4)) < sigmoid(secondary)).astype(np.float32),
        urgency=_draw(ordinal(urgency), random),
        ambiguous=np.zeros(N, bool),
    )
    logits = Logits(
        category=(category * 3).astype(np.float32),
        secondary=((secondary + 1) / 0.5).astype(np.float32),
        urgency=(urgency * 0.5).astype(np.float32),
    )
    return logits, data


def test_calibration_finds_what_was_exaggerated(overconfident: tuple[Logits, Dataset]) -> None:
    calibration = fit_calibration(*overconfident, ALIKE)
    assert calibration.category_temperature == pytest.approx(3, rel=0.05)
    assert calibration.urgency_temperature == pytest.approx(0.5, rel=0.07)
    assert calibration.secondary_scale == pytest.approx(0.5, rel=0.1)
    assert calibration.secondary_shift == pytest.approx(-1, abs=0.1)


def test_nothing_is_fitted_where_nothing_is_labelled(overconfident: tuple[Logits, Dataset]) -> None:
    logits, data = overconfident
    blank = Dataset(
        texts=data.texts,
        category=data.category,
        passing=np.zeros_like(data.passing),
        urgency=np.full(N, NO_URGENCY),
        ambiguous=data.ambiguous,
    )
    calibration = fit_calibration(logits, blank, ALIKE)
    assert (calibration.secondary_scale, calibration.secondary_shift) == (1.0, 0.0)
    assert calibration.urgency_temperature == 1.0


def test_posts_above_the_threshold_meet_the_target_risk(overconfident: tuple[Logits, Dataset]) -> None:
    logits, data = overconfident
    scores = Calibration(category_temperature=3).apply(logits)
    config = DecisionConfig(target_risk=0.1, max_review_share=1.0, min_margin=0.0)
    threshold = select_thresholds(scores, data, config, ALIKE).min_confidence
    kept = scores.category.max(axis=1) >= threshold
    wrong = scores.category.argmax(axis=1) != data.category
    assert wrong[kept].mean() <= 0.1
    assert wrong.mean() > 0.1


def test_no_more_posts_are_sent_to_review_than_people_can_look_at(overconfident: tuple[Logits, Dataset]) -> None:
    logits, data = overconfident
    scores = Calibration(category_temperature=3).apply(logits)
    config = DecisionConfig(target_risk=0.01, max_review_share=0.15, min_margin=0.0)
    threshold = select_thresholds(scores, data, config, ALIKE).min_confidence
    assert (scores.category.max(axis=1) < threshold).mean() <= 0.15


def test_ambiguous_posts_judge_the_confidence_too_for_a_stream_holds_them(
    overconfident: tuple[Logits, Dataset],
) -> None:
    logits, data = overconfident
    scores = Calibration(category_temperature=3).apply(logits)
    config = DecisionConfig(target_risk=0.1, max_review_share=1.0, min_margin=0.0)
    wrong = scores.category.argmax(axis=1) != data.category
    marked = Dataset(data.texts, data.category, data.passing, data.urgency, ambiguous=wrong)
    threshold = select_thresholds(scores, marked, config, ALIKE).min_confidence
    assert threshold == select_thresholds(scores, data, config, ALIKE).min_confidence
    assert wrong[scores.category.max(axis=1) >= threshold].mean() <= 0.1


def test_risk_and_share_are_those_of_the_mix_that_the_weights_stand_for(
    overconfident: tuple[Logits, Dataset],
) -> None:
    """Posts of category 0 counting twice are the same as each of them being there twice."""
    logits, data = overconfident
    scores = Calibration(category_temperature=3).apply(logits)
    config = DecisionConfig(target_risk=0.1, max_review_share=0.5, min_margin=0.0)
    twice = ClassWeights(np.array([2.0, 1.0, 1.0, 1.0]), np.ones(4))
    rows = np.concatenate([np.arange(N), np.flatnonzero(data.category == 0)])
    repeated = Scores(scores.category[rows], scores.secondary[rows], None)
    weighted = select_thresholds(scores, data, config, twice).min_confidence
    assert weighted == select_thresholds(repeated, data.take(rows), config, ALIKE).min_confidence


def test_a_label_that_counts_for_nothing_does_not_move_the_calibration(
    overconfident: tuple[Logits, Dataset],
) -> None:
    logits, data = overconfident
    without = np.flatnonzero(data.category != 3)
    part = Logits(logits.category[without], logits.secondary[without], None)
    ignoring = ClassWeights(np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4))
    assert fit_calibration(logits, data, ignoring).category_temperature == pytest.approx(
        fit_calibration(part, data.take(without), ALIKE).category_temperature, rel=1e-4
    )
