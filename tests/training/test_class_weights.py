from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.taxonomy import Taxonomy
from training.class_weights import ClassWeights, inverse_frequency
from training.config import ConfigError, LossConfig
from training.dataset import NO_URGENCY, Dataset

TAXONOMY = Taxonomy.default()


def _data(category: npt.NDArray[np.int64], urgency: npt.NDArray[np.int64] | None = None) -> Dataset:
    count = len(category)
    return Dataset(
        texts=[""] * count,
        category=category,
        passing=np.zeros((count, len(TAXONOMY.categories)), np.float32),
        urgency=np.full(count, NO_URGENCY) if urgency is None else urgency,
        ambiguous=np.zeros(count, bool),
    )


def test_balanced_weights_make_every_category_count_the_same() -> None:
    category = np.repeat([0, 1, 2], [60, 30, 10])
    weights = ClassWeights.of(LossConfig(class_weights="balanced"), TAXONOMY, _data(category)).category
    assert not weights[3:].any()
    assert np.bincount(category) * weights[:3] == pytest.approx([100 / 3] * 3)


def test_square_roots_make_labels_count_as_the_square_root_of_their_frequency() -> None:
    data = _data(np.repeat([0, 1], [90, 10]), np.repeat([0, 3], [64, 36]))
    weights = ClassWeights.of(LossConfig(class_weights="sqrt"), TAXONOMY, data)
    assert 90 * weights.category[0] / (10 * weights.category[1]) == pytest.approx(3)
    assert 64 * weights.urgency[0] / (36 * weights.urgency[3]) == pytest.approx(8 / 6)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50), st.floats(0, 1))
def test_posts_count_1_on_average(labels: list[int], power: float) -> None:
    weights = inverse_frequency(np.array(labels), 5, power)
    assert weights[labels].mean() == pytest.approx(1)


def test_given_weights_are_taken_by_name_and_1_elsewhere() -> None:
    weights = ClassWeights.of(LossConfig(class_weights={"leak": 3.0}), TAXONOMY, _data(np.array([0]))).category
    assert weights.tolist() == [3.0 if name == "leak" else 1.0 for name in TAXONOMY.category_names]


def test_a_weight_for_an_unknown_category_is_refused() -> None:
    with pytest.raises(ConfigError, match="names leek"):
        ClassWeights.of(LossConfig(class_weights={"leek": 3.0}), TAXONOMY, _data(np.array([0])))


def test_every_label_counts_the_same_by_default() -> None:
    weights = ClassWeights.of(LossConfig(), TAXONOMY, _data(np.array([0, 0, 1])))
    assert set(weights.category) == set(weights.urgency) == {1.0}


def test_an_unknown_urgency_counts_for_nothing() -> None:
    data = _data(np.array([0, 0]), np.array([1, NO_URGENCY]))
    assert ClassWeights.of(LossConfig(), TAXONOMY, data).of_urgencies(data).tolist() == [1.0, 0.0]
