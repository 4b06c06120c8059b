"""Even out the channels of what enters a product, at no cost, so that one rounding step fits all of them.

A few channels are ten times larger than the rest, and many lie off zero; rounded with one step for all, most would be
coarse. Shifting and dividing each channel, and making up for both in the weights and bias behind, changes no
result (SmoothQuant, Xiao et al. 2023, arXiv 2211.10438; with shifts: Outlier Suppression+, Wei et al. 2023, arXiv
2304.09145). Here both happen in the LayerNorm that made the channel, or in the value projection, so they cost no
operator; only the residual, which wants the old values, multiplies back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from training.activations import Activations
from training.network import Dense, EncoderWeights, Floats, Layer, Norm, Product

_SMALLEST = 1e-5
_SHARE_OF_WEIGHTS = 0.75
"""How much of the channels' spread moves into the weights; the rest stays. Measured: 0.5, 0.9 and the least error to be
expected of each product were no better."""


@dataclass(frozen=True, slots=True)
class _Evening:
    """What is done to each channel: `(x - shift) / divisor`."""

    shift: Floats
    divisor: Floats

    @classmethod
    def of(cls, entering: Activations, product: Dense) -> _Evening:
        reach = np.maximum(entering.reach, _SMALLEST)
        weighed = np.maximum(np.abs(product.weight).max(axis=1), _SMALLEST)
        divisor = reach**_SHARE_OF_WEIGHTS / weighed ** (1 - _SHARE_OF_WEIGHTS)
        return cls(entering.middle, np.asarray(divisor / np.exp(np.log(divisor).mean()), np.float32))

    def norm(self, norm: Norm) -> Norm:
        """The LayerNorm that does it."""
        bias = (norm.bias - self.shift) / self.divisor
        return replace(norm, scale=norm.scale / self.divisor, bias=bias, smoothing=self.divisor)

    def product(self, product: Dense) -> Dense:
        """The product that makes up for it."""
        return Dense(product.weight * self.divisor[:, np.newaxis], product.bias + self.shift @ product.weight)

    def values(self, qkv: Dense) -> Dense:
        """The projection whose values it is done to: attention mixes them linearly, in shares that sum to 1."""
        others = np.zeros(len(qkv.bias) - len(self.shift), np.float32)
        shift, divisor = np.concatenate([others, self.shift]), np.concatenate([others + 1, self.divisor])
        return Dense(qkv.weight / divisor, (qkv.bias - shift) / divisor)


def smooth(
    weights: EncoderWeights, activations: Mapping[str, Activations]
) -> tuple[EncoderWeights, dict[str, Activations]]:
    """Even out what enters `qkv`, `attention_output` and `up`; what enters `down` cannot be, behind a GELU.

    Args:
        weights: The network in fp32.
        activations: What enters its products, by `layer.N.PRODUCT`.

    Returns:
        A network that computes the same, and what enters its products.
    """
    evened = dict(activations)
    norms, layers = [weights.embedding_norm], []
    for index, layer in enumerate(weights.layers):
        name = f"layer.{index}"
        into_qkv = _Evening.of(activations[f"{name}.qkv"], _dense(layer.qkv))
        into_output = _Evening.of(activations[f"{name}.attention_output"], _dense(layer.attention_output))
        into_up = _Evening.of(activations[f"{name}.up"], _dense(layer.up))
        for product, evening in (("qkv", into_qkv), ("attention_output", into_output), ("up", into_up)):
            key = f"{name}.{product}"
            evened[key] = activations[key].evened(evening.shift, evening.divisor)
        norms[-1] = into_qkv.norm(norms[-1])
        layers.append(_layer(layer, into_qkv, into_output, into_up))
        norms.append(layer.output_norm)
    ends = [replace(layer, output_norm=norm) for layer, norm in zip(layers, norms[1:], strict=True)]
    return replace(weights, embedding_norm=norms[0], layers=tuple(ends)), evened


def _layer(layer: Layer, into_qkv: _Evening, into_output: _Evening, into_up: _Evening) -> Layer:
    attended, fed = into_output.product(_dense(layer.attention_output)), _dense(layer.down)
    return replace(
        layer,
        qkv=into_output.values(into_qkv.product(_dense(layer.qkv))),
        # The residual around each half lacks that half's shift, which its last bias can add as well.
        attention_output=Dense(attended.weight, attended.bias + into_qkv.shift),
        attention_norm=into_up.norm(layer.attention_norm),
        up=into_up.product(_dense(layer.up)),
        down=Dense(fed.weight, fed.bias + into_up.shift),
    )


def _dense(product: Product) -> Dense:
    if not isinstance(product, Dense):
        raise TypeError("only a network in fp32 can be smoothed")
    return product
