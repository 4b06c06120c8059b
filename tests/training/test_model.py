from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from earshot.calibration import ordinal
from training.config import LossConfig
from training.model import corn_loss, likeness_loss, loss
from training.targets import Targets

EVEN = torch.ones(2)


def _levels(*indices: int) -> torch.Tensor:
    return torch.eye(3)[list(indices)]


def test_conditional_ordinal_loss_asks_only_the_posts_that_reached_a_level() -> None:
    logits = torch.tensor([[0.0, 5.0], [2.0, -1.0]])
    # Post 0 (level 0) answers question 0 with no; post 1 (level 1) answers 0 with yes and 1 with no.
    expected = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 3
    assert float(corn_loss(logits, _levels(0, 1), EVEN)) == pytest.approx(expected)


def test_posts_without_urgency_do_not_count() -> None:
    logits = torch.tensor([[3.0, -2.0], [0.3, 0.1]])
    unknown = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    both = corn_loss(logits, unknown, EVEN)
    alone = corn_loss(logits[:1], unknown[:1], EVEN[:1])
    assert float(both) == pytest.approx(float(alone))
    assert float(corn_loss(logits, torch.zeros(2, 3), EVEN)) == 0.0


def test_a_distribution_costs_what_its_levels_cost_in_proportion() -> None:
    logits = torch.tensor([[0.4, -0.7]])
    mixed = torch.tensor([[0.5, 0.25, 0.25]])
    reached = [1, 2, 2]  # decisions that each level is asked for
    costs = [float(corn_loss(logits, _levels(level), EVEN[:1])) * reached[level] for level in range(3)]
    total = 0.5 * costs[0] + 0.25 * costs[1] + 0.25 * costs[2]
    assert float(corn_loss(logits, mixed, EVEN[:1])) == pytest.approx(total / (1 + 0.5))


def test_minimizing_the_ordinal_loss_finds_the_frequencies() -> None:
    levels = torch.eye(4)[[0] * 50 + [1] * 30 + [2] * 15 + [3] * 5]
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = corn_loss(logits.expand(len(levels), 3), levels, torch.ones(len(levels)))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    assert ordinal(logits.detach().numpy()) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=1e-3)


def _targets(category: list[list[float]], weight: list[float]) -> Targets:
    posts = len(category)
    return Targets(
        category=np.array(category, np.float32),
        secondary=np.array([[1.0, 0.0]] * posts, np.float32),
        urgency=np.zeros((posts, 0), np.float32),
        category_weight=np.array(weight, np.float32),
        urgency_weight=np.ones(posts, np.float32),
    )


def test_the_loss_of_a_taxonomy_without_urgencies_is_category_and_secondary() -> None:
    outputs = (torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    value = loss(outputs, _targets([[1.0, 0.0]], [1.0]), LossConfig(secondary_weight=0.5))
    assert float(value) == pytest.approx(math.log1p(math.exp(-2)) + 0.5 * math.log(2))


def test_a_post_that_counts_for_nothing_changes_nothing() -> None:
    outputs = (torch.tensor([[2.0, 0.0], [-1.0, 3.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    alone = loss(tuple(output[:1] for output in outputs), _targets([[1.0, 0.0]], [1.0]), LossConfig())
    both = loss(outputs, _targets([[1.0, 0.0], [1.0, 0.0]], [1.0, 0.0]), LossConfig())
    assert float(both) == pytest.approx(float(alone))


def test_vectors_that_point_the_same_way_cost_nothing_and_opposite_ones_2() -> None:
    pooled = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert float(likeness_loss(pooled, 7 * pooled)) == pytest.approx(0, abs=1e-6)
    assert float(likeness_loss(pooled, -pooled)) == pytest.approx(2)
