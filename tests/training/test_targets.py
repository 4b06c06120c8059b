from __future__ import annotations

import numpy as np
import pytest

from earshot.calibration import Scores
from earshot.taxonomy import Taxonomy
from training.class_weights import ClassWeights
from training.config import LossConfig
from training.dataset import NO_URGENCY, Dataset
from training.targets import Targets

TAXONOMY = Taxonomy.default()
CATEGORIES, LEVELS = len(TAXONOMY.categories), len(TAXONOMY.urgencies)
ALIKE = ClassWeights(np.ones(CATEGORIES), np.ones(LEVELS))


@pytest.fixture
def data() -> Dataset:
    return Dataset(
        texts=["one", "two", "three"],
        category=np.array([0, 2, 5]),
        passing=np.eye(CATEGORIES, dtype=np.float32)[[0, 2, 5]],
        urgency=np.array([1, NO_URGENCY, 3]),
        ambiguous=np.array([False, True, False]),
    )


@pytest.fixture
def taught() -> Targets:
    posts = 3
    return Targets.of_scores(
        Scores(
            category=np.full((posts, CATEGORIES), 1 / CATEGORIES),
            secondary=np.full((posts, CATEGORIES), 0.4),
            urgency=np.full((posts, LEVELS), 1 / LEVELS),
        ),
        out_of_scope=CATEGORIES - 1,
    )


def test_a_label_is_a_distribution_with_one_entry(data: Dataset) -> None:
    targets = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig(label_smoothing=0.0))
    assert targets.category.argmax(axis=1).tolist() == [0, 2, 5]
    assert targets.category.max(axis=1).tolist() == [1.0] * 3
    assert targets.urgency.sum(axis=1).tolist() == [1.0, 0.0, 1.0]
    assert targets.urgency_weight.tolist() == [1.0, 0.0, 1.0]


def test_smoothing_gives_every_category_its_share(data: Dataset) -> None:
    targets = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig(label_smoothing=0.12))
    assert targets.category.sum(axis=1) == pytest.approx(1)
    assert targets.category.min() == pytest.approx(0.12 / CATEGORIES)


def test_ambiguous_posts_count_as_much_as_asked(data: Dataset) -> None:
    targets = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig(ambiguous_weight=0.25))
    assert targets.category_weight.tolist() == [1.0, 0.25, 1.0]


def test_a_teacher_never_says_that_out_of_scope_passes(taught: Targets) -> None:
    assert taught.secondary[:, -1].tolist() == [0.0] * 3
    assert taught.secondary[:, 0] == pytest.approx(0.4)


def test_a_blend_takes_a_share_of_each_and_the_teachers_urgency_where_nobody_labelled_one(
    data: Dataset, taught: Targets
) -> None:
    labelled = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig(label_smoothing=0.0))
    blended = labelled.blended(taught, 0.5, np.arange(3))
    assert blended.category[0, 0] == pytest.approx(0.5 + 0.5 / CATEGORIES)
    assert blended.urgency.sum(axis=1) == pytest.approx(1)
    assert blended.urgency[1] == pytest.approx(1 / LEVELS)
    assert blended.urgency_weight.tolist() == [1.0, 1.0, 1.0]


def test_posts_without_a_teachers_opinion_keep_their_labels(data: Dataset, taught: Targets) -> None:
    labelled = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig(label_smoothing=0.0))
    blended = labelled.blended(taught.take(np.array([0])), 1.0, np.array([2]))
    assert blended.category[:2].tolist() == labelled.category[:2].tolist()
    assert blended.urgency[:2].tolist() == labelled.urgency[:2].tolist()
    assert blended.category[2].tolist() == taught.category[0].tolist()


def test_targets_keep_their_order_when_joined_and_taken_apart(data: Dataset, taught: Targets) -> None:
    labelled = Targets.of_labels(data, TAXONOMY, ALIKE, LossConfig())
    joined = labelled.followed_by(taught.weighing(3.0))
    assert len(joined) == 6
    assert joined.take(np.array([4])).category_weight.tolist() == [3.0]
    assert joined.take(np.array([1])).category.tolist() == labelled.category[1:2].tolist()
