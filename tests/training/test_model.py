from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from earshot.calibration import ordinal
from earshot.taxonomy import Taxonomy
from training.config import ConfigError, LossConfig
from training.dataset import NO_URGENCY
from training.fit_encoder import class_weights
from training.model import corn_loss, loss

TAXONOMY = Taxonomy.default()


def test_conditional_ordinal_loss_asks_only_the_posts_that_reached_a_level() -> None:
    logits = torch.tensor([[0.0, 5.0], [2.0, -1.0]])
    level = torch.tensor([0, 1])
    # Post 0 (level 0) answers question 0 with no; post 1 (level 1) answers 0 with yes and 1 with no.
    expected = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 3
    assert float(corn_loss(logits, level)) == pytest.approx(expected)


def test_posts_without_urgency_do_not_count() -> None:
    logits = torch.tensor([[3.0, -2.0], [0.3, 0.1]])
    both = corn_loss(logits, torch.tensor([2, NO_URGENCY]))
    alone = corn_loss(logits[:1], torch.tensor([2]))
    assert float(both) == pytest.approx(float(alone))
    assert float(corn_loss(logits, torch.tensor([NO_URGENCY, NO_URGENCY]))) == 0.0


def test_minimizing_the_ordinal_loss_finds_the_frequencies() -> None:
    levels = torch.tensor([0] * 50 + [1] * 30 + [2] * 15 + [3] * 5)
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = corn_loss(logits.expand(len(levels), 3), levels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    assert ordinal(logits.detach().numpy()) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=1e-3)


def _weights(config: LossConfig, category: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    weights = class_weights(config, TAXONOMY, category)
    assert weights is not None
    return np.asarray(weights.numpy(), np.float32)


def test_balanced_weights_make_every_category_count_the_same() -> None:
    category = np.repeat([0, 1, 2], [60, 30, 10])
    weights = _weights(LossConfig(class_weights="balanced"), category)
    assert not weights[3:].any()
    assert np.bincount(category) * weights[:3] == pytest.approx([100 / 3] * 3, rel=1e-5)


def test_given_weights_are_taken_by_name_and_1_elsewhere() -> None:
    weights = _weights(LossConfig(class_weights={"leak": 3.0}), np.array([0]))
    assert weights.tolist() == [3.0 if name == "leak" else 1.0 for name in TAXONOMY.category_names]


def test_a_weight_for_an_unknown_category_is_refused() -> None:
    with pytest.raises(ConfigError, match="names leek"):
        class_weights(LossConfig(class_weights={"leek": 3.0}), TAXONOMY, np.array([0]))


def test_no_weights_are_the_default() -> None:
    assert class_weights(LossConfig(), TAXONOMY, np.array([0])) is None


def test_the_loss_of_a_taxonomy_without_urgencies_is_category_and_secondary() -> None:
    outputs = (torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    config = LossConfig(label_smoothing=0.0, secondary_weight=0.5)
    value = loss(outputs, torch.tensor([0]), torch.tensor([[1.0, 0.0]]), torch.tensor([NO_URGENCY]), config, None)
    assert float(value) == pytest.approx(math.log1p(math.exp(-2)) + 0.5 * math.log(2))
