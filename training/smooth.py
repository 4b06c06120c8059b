"""Move the outliers of activations into the weights behind them, where they cost nothing (SmoothQuant).

A few channels of what enters a product are ten times larger than the rest; rounded with one step for all, the rest
would be coarse. Dividing each channel by a number and multiplying the weights' rows by it changes no result (Xiao et
al. 2023, arXiv 2211.10438). Here the division lies in the LayerNorm that made the channel, or in the value
projection, so it costs no operator; only the residual, which wants the old values, multiplies back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from training.activations import Activations
from training.network import Dense, EncoderWeights, Floats, Layer, Norm, Product

_SMALLEST = 1e-5
_EVEN_SHARE = 0.5
"""How much of the spread the weights take: half is theirs, as in the paper."""


def smooth(
    weights: EncoderWeights, activations: Mapping[str, Activations]
) -> tuple[EncoderWeights, dict[str, Activations]]:
    """Even out the channels that enter `qkv`, `attention_output` and `up`; what enters `down` cannot be, behind a GELU.

    Args:
        weights: The network in fp32.
        activations: What enters its products, by `layer.N.PRODUCT`.

    Returns:
        A network that computes the same, and what enters its products.
    """
    smoothed = dict(activations)
    norms, layers = [weights.embedding_norm], []
    for index, layer in enumerate(weights.layers):
        name = f"layer.{index}"
        into_qkv = _divisor(activations[f"{name}.qkv"], _dense(layer.qkv))
        into_output = _divisor(activations[f"{name}.attention_output"], _dense(layer.attention_output))
        into_up = _divisor(activations[f"{name}.up"], _dense(layer.up))
        for product, divisor in (("qkv", into_qkv), ("attention_output", into_output), ("up", into_up)):
            smoothed[f"{name}.{product}"] = activations[f"{name}.{product}"].divided(divisor)
        norms[-1] = _divided(norms[-1], into_qkv)
        layers.append(_layer(layer, into_qkv, into_output, into_up))
        norms.append(layer.output_norm)
    ends = [replace(layer, output_norm=norm) for layer, norm in zip(layers, norms[1:], strict=True)]
    return replace(weights, embedding_norm=norms[0], layers=tuple(ends)), smoothed


def _layer(layer: Layer, into_qkv: Floats, into_output: Floats, into_up: Floats) -> Layer:
    qkv, width = _rows_times(_dense(layer.qkv), into_qkv), len(into_output)
    values = np.concatenate([np.ones(2 * width, np.float32), 1 / into_output])  # attention mixes values linearly
    return replace(
        layer,
        qkv=Dense(qkv.weight * values, qkv.bias * values),
        attention_output=_rows_times(_dense(layer.attention_output), into_output),
        attention_norm=_divided(layer.attention_norm, into_up),
        up=_rows_times(_dense(layer.up), into_up),
    )


def _divisor(activations: Activations, product: Dense) -> Floats:
    seen = np.maximum(activations.magnitude, _SMALLEST)
    weighed = np.maximum(np.abs(product.weight).max(axis=1), _SMALLEST)
    divisor = seen**_EVEN_SHARE / weighed ** (1 - _EVEN_SHARE)
    return np.asarray(divisor / np.exp(np.log(divisor).mean()), np.float32)


def _divided(norm: Norm, divisor: Floats) -> Norm:
    return replace(norm, scale=norm.scale / divisor, bias=norm.bias / divisor, smoothing=divisor)


def _rows_times(product: Dense, factor: Floats) -> Dense:
    return Dense(product.weight * factor[:, np.newaxis], product.bias)


def _dense(product: Product) -> Dense:
    if not isinstance(product, Dense):
        raise TypeError("only a network in fp32 can be smoothed")
    return product
