"""From a network in fp32 to one in int8 whose scores hardly change, and don't depend on a post's neighbours.

What enters `qkv`, `up` and `attention_output` has a known range (it comes out of a LayerNorm, or is a mixture of
values), so it is rounded with one fixed step, after smoothing (`training/smooth.py`). What enters `down` has not: each
token row gets its own step (ZeroQuant, Yao et al. 2022, arXiv 2206.01861), and the few channels that grow far beyond
the others stay in fp32. Weights are rounded by GPTQ (`training/round_weights.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from earshot.session import Ids
from training.activations import Activations, observe
from training.network import (
    Dense,
    EncoderWeights,
    FixedStep,
    Floats,
    Int8Dense,
    Int8Table,
    Layer,
    OutlierChannels,
    Product,
    RowStep,
)
from training.packed_graph import PRODUCTS
from training.round_weights import LARGEST_WEIGHT, round_weights
from training.smooth import smooth

_LARGEST_UINT8 = 255
_SMALLEST_SCALE = 1e-10
_LOWEST_GELU = 0.17
_AFTER_GELU = RowStep(zero_point=32, smallest_step=_LOWEST_GELU / 32, signed=False)
"""GELU is never below -0.17: a small zero point leaves most of the 256 steps to what is positive."""
_AFTER_RELU = RowStep(zero_point=0, smallest_step=_SMALLEST_SCALE, signed=False)
OUTLIER_CHANNELS = 16
"""Channels behind the activation that stay in fp32, per layer: 1 % of the work."""


Place = tuple[int, str]
"""A product: the number of its layer, and its name there."""


def places(weights: EncoderWeights) -> list[Place]:
    """All products of a network."""
    return [(index, name) for index in range(len(weights.layers)) for name in PRODUCTS]


def rounded_twice(weights: EncoderWeights, chosen: Collection[Place]) -> EncoderWeights:
    """A network in int8 with what enters some products rounded twice (see `Int8Dense`)."""
    layers = [
        replace(layer, **{name: replace(getattr(layer, name), twice=True) for at, name in chosen if at == index})
        for index, layer in enumerate(weights.layers)
    ]
    return replace(weights, layers=tuple(layers))


def to_int8(weights: EncoderWeights, ids: Sequence[Ids]) -> EncoderWeights:
    """Round a network.

    Args:
        weights: The network in fp32.
        ids: Token ids of some hundred posts of the kind that will be served.
    """
    weights, activations = smooth(weights, observe(weights, ids))
    rounded = []
    for index, layer in enumerate(weights.layers):
        name = f"layer.{index}"
        layer, behind = _without_outliers(layer, activations[f"{name}.down"])
        rounded.append(_layer(layer, behind, name, activations, weights.activation))
    return replace(weights, words=_table(weights.words), layers=tuple(rounded))


def _layer(
    layer: Layer, behind: Activations, name: str, activations: Mapping[str, Activations], activation: str
) -> Layer:
    def fixed(product: Product, entering: Activations) -> Product:
        return _round(product, entering, _fixed_step(entering))

    return replace(
        layer,
        qkv=fixed(layer.qkv, activations[f"{name}.qkv"]),
        attention_output=fixed(layer.attention_output, activations[f"{name}.attention_output"]),
        up=fixed(layer.up, activations[f"{name}.up"]),
        down=_round(layer.down, behind, _AFTER_GELU if activation == "gelu" else _AFTER_RELU),
    )


def _without_outliers(layer: Layer, behind: Activations) -> tuple[Layer, Activations]:
    """Take the largest channels between `up` and `down` out of both."""
    up, down = _dense(layer.up), _dense(layer.down)
    count = min(OUTLIER_CHANNELS, len(behind.magnitude) // 4)
    order = np.argsort(-behind.magnitude, kind="stable")
    few, most = np.sort(order[:count]), np.sort(order[count:])
    outliers = OutlierChannels(
        Dense(up.weight[:, few], up.bias[few]), Dense(down.weight[few], np.zeros_like(down.bias))
    )
    rest = replace(
        layer, up=Dense(up.weight[:, most], up.bias[most]), down=Dense(down.weight[most], down.bias), outliers=outliers
    )
    return rest, behind.take(most)


def _fixed_step(entering: Activations) -> FixedStep:
    low, high = min(float(entering.lowest.min()), 0.0), max(float(entering.highest.max()), 0.0)
    step = max((high - low) / _LARGEST_UINT8, _SMALLEST_SCALE)
    return FixedStep(step=step, zero_point=round(-low / step))


def _round(product: Product, entering: Activations, inputs: FixedStep | RowStep) -> Int8Dense:
    dense = _dense(product)
    weight, scale = round_weights(dense.weight, entering.moment)
    error = entering.mean @ (dense.weight - weight * scale.astype(np.float64))
    return Int8Dense(weight, scale, (dense.bias + error).astype(np.float32), inputs)  # right on average, at least


def _table(words: Floats | Int8Table) -> Int8Table:
    if isinstance(words, Int8Table):
        return words
    scale = np.maximum(np.abs(words).max(axis=1, keepdims=True), _SMALLEST_SCALE) / LARGEST_WEIGHT
    return Int8Table(np.round(words / scale).astype(np.int8), scale.astype(np.float32))


def _dense(product: Product) -> Dense:
    if not isinstance(product, Dense):
        raise TypeError("this network is in int8 already")
    return product
