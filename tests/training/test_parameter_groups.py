from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from training.base_model import load_base_model
from training.config import ModelConfig, OptimizationConfig
from training.model import PostClassifier


@pytest.fixture
def model(tiny_encoder: Path) -> PostClassifier:
    return PostClassifier(load_base_model(str(tiny_encoder), 64).encoder, 3, 4, ModelConfig())


def _rates(model: PostClassifier, config: OptimizationConfig) -> dict[str, float]:
    """The peak of the learning rate by a parameter's name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = model.parameter_groups(config)
    return {names[id(parameter)]: group["peak_lr"] for group in groups for parameter in group["params"]}


def test_every_parameter_is_learned_once_at_one_rate(model: PostClassifier) -> None:
    config = OptimizationConfig(learning_rate=1e-3)
    assert _rates(model, config) == {name: 1e-3 for name, _ in model.named_parameters()}
    assert sum(len(group["params"]) for group in model.parameter_groups(config)) == len(list(model.parameters()))


def test_heads_have_their_own_rate_and_lower_layers_a_smaller_one(model: PostClassifier) -> None:
    rates = _rates(model, OptimizationConfig(learning_rate=1e-3, head_learning_rate=1e-2, layer_decay=0.5))
    assert {rate for name, rate in rates.items() if not name.startswith("encoder.")} == {1e-2}
    assert {rate for name, rate in rates.items() if ".layer.1." in name} == {1e-3}
    assert {rate for name, rate in rates.items() if ".layer.0." in name} == {5e-4}
    assert {rate for name, rate in rates.items() if ".embeddings." in name} == {2.5e-4}


def test_only_matrices_decay(model: PostClassifier) -> None:
    decayed = [group for group in model.parameter_groups(OptimizationConfig(weight_decay=0.1)) if group["weight_decay"]]
    parameters: list[nn.Parameter] = [parameter for group in decayed for parameter in group["params"]]
    assert all(parameter.ndim > 1 for parameter in parameters)
    assert len(parameters) == sum(parameter.ndim > 1 for parameter in model.parameters())
