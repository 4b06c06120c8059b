from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from earshot.calibration import ordinal
from training.config import LossConfig
from training.model import corn_loss, likeness_loss, loss
from training.targets import Targets, reached


def _corn(logits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """The mean over all conditional decisions."""
    asked = torch.from_numpy(reached(levels.numpy()))
    return corn_loss(logits, asked, levels[:, :-1]).sum() / asked.sum()


def _levels(*indices: int) -> torch.Tensor:
    return torch.eye(3)[list(indices)]


def test_conditional_ordinal_loss_asks_only_the_posts_that_reached_a_level() -> None:
    logits = torch.tensor([[0.0, 5.0], [2.0, -1.0]])
    # Post 0 (level 0) answers question 0 with no; post 1 (level 1) answers 0 with yes and 1 with no.
    expected = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 3
    assert float(_corn(logits, _levels(0, 1))) == pytest.approx(expected)


def test_a_distribution_costs_what_its_levels_cost_in_proportion() -> None:
    logits = torch.tensor([[0.4, -0.7]])
    costs = [float(_corn(logits, _levels(level))) * decisions for level, decisions in enumerate([1, 2, 2])]
    mixed = _corn(logits, torch.tensor([[0.5, 0.25, 0.25]]))
    assert float(mixed) == pytest.approx((0.5 * costs[0] + 0.25 * costs[1] + 0.25 * costs[2]) / (1 + 0.5))


def test_minimizing_the_ordinal_loss_finds_the_frequencies() -> None:
    levels = torch.eye(4)[[0] * 50 + [1] * 30 + [2] * 15 + [3] * 5]
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = _corn(logits.expand(len(levels), 3), levels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    assert ordinal(logits.detach().numpy()) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=1e-3)


@pytest.fixture
def judged() -> tuple[tuple[torch.Tensor, ...], Targets]:
    """Logits of five posts, some without urgency and of different weights, and their targets."""
    random = np.random.default_rng(3)
    outputs = tuple(torch.from_numpy(random.normal(size=(5, width)).astype(np.float32)) for width in (4, 4, 2))
    urgency = random.dirichlet(np.ones(3), 5)
    urgency[3] = 0
    targets = Targets(
        category=random.dirichlet(np.ones(4), 5).astype(np.float32),
        secondary=random.random((5, 4)).astype(np.float32),
        urgency=urgency.astype(np.float32),
        category_weight=random.random(5).astype(np.float32),
        urgency_weight=random.random(5).astype(np.float32),
    )
    return outputs, targets


def test_parts_of_a_batch_add_up_to_its_loss(judged: tuple[tuple[torch.Tensor, ...], Targets]) -> None:
    outputs, targets = judged
    parts = [np.array([0, 3]), np.array([1, 2, 4])]
    values = [
        loss(tuple(output[rows] for output in outputs), targets.take(rows), LossConfig(), targets.totals())
        for rows in parts
    ]
    assert float(sum(values, torch.zeros(()))) == pytest.approx(float(loss(outputs, targets, LossConfig())), rel=1e-5)


def test_posts_without_urgency_do_not_count_for_it(judged: tuple[tuple[torch.Tensor, ...], Targets]) -> None:
    outputs, targets = judged
    moved = (outputs[0], outputs[1], outputs[2].clone())
    moved[2][3] += 5
    assert float(loss(moved, targets, LossConfig())) == float(loss(outputs, targets, LossConfig()))


def test_a_batch_without_any_urgency_has_a_loss() -> None:
    ones, nothing = np.ones(2, np.float32), np.zeros((2, 3), np.float32)
    targets = Targets(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), nothing, ones, nothing[:, 0])
    assert math.isfinite(float(loss((torch.zeros(2, 2), torch.zeros(2, 2), torch.zeros(2, 2)), targets, LossConfig())))


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
