"""A BERT-family network as plain arrays: what each operator computes with, in fp32 or rounded to whole numbers.

Knows nothing of PyTorch, ONNX or how numbers were rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Int8s = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer, `x @ weight + bias`.

    Attributes:
        weight: `[inputs, outputs]`.
        bias: `[outputs]`.
    """

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class FixedStep:
    """Inputs are rounded to steps of one size, known beforehand.

    Attributes:
        step: The size.
        zero_point: The uint8 that stands for 0.
    """

    step: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class RowStep:
    """Inputs are rounded to steps of a size that each token row gets from its own largest value.

    Attributes:
        zero_point: The uint8 that stands for 0.
        smallest_step: No row gets a smaller one.
        signed: Whether a row's largest value may be a negative one.
    """

    zero_point: int
    smallest_step: float
    signed: bool


@dataclass(frozen=True, slots=True)
class Int8Dense:
    """A dense layer in whole numbers, `x @ (weight * scale) + bias`.

    Attributes:
        weight: `[inputs, outputs]`.
        scale: `[outputs]`.
        bias: `[outputs]`.
        inputs: How x is rounded to uint8.
        twice: Also round what the first rounding left of x, in steps 254 times finer, and add its product: nearly
            exact, at twice the work.
    """

    weight: Int8s
    scale: Floats
    bias: Floats
    inputs: FixedStep | RowStep
    twice: bool = False


Product = Dense | Int8Dense


@dataclass(frozen=True, slots=True)
class Int8Table:
    """An embedding table in whole numbers.

    Attributes:
        rows: `[vocabulary, width]`.
        scale: `[vocabulary, 1]`.
    """

    rows: Int8s
    scale: Floats


@dataclass(frozen=True, slots=True)
class Norm:
    """A LayerNorm over the last axis.

    Attributes:
        scale: `[width]`.
        bias: `[width]`.
        epsilon: Added to the variance.
        smoothing: `[width]`, what the output was divided by for the product's sake; the residual multiplies it back.
    """

    scale: Floats
    bias: Floats
    epsilon: float
    smoothing: Floats | None = None


@dataclass(frozen=True, slots=True)
class OutlierChannels:
    """The few channels between `up` and `down` that are too large to be rounded together with the others.

    Attributes:
        up: `[width, channels]`.
        down: `[channels, width]`, with a bias of 0.
    """

    up: Dense
    down: Dense


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer layer, normalized after each residual.

    Attributes:
        qkv: Query, key and value in one: `[width, 3 * width]`.
        attention_output: `[width, width]`.
        attention_norm: Of the residual around attention.
        up: First half of the feed-forward, `[width, inner]`.
        down: Second half, `[inner, width]`.
        output_norm: Of the residual around the feed-forward.
        outliers: Channels that were taken out of `up` and `down`.
    """

    qkv: Product
    attention_output: Product
    attention_norm: Norm
    up: Product
    down: Product
    output_norm: Norm
    outliers: OutlierChannels | None = None


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """An encoder and the heads on it.

    Attributes:
        words: `[vocabulary, width]`.
        positions: `[tokens, width]`, row 0 for a post's first token; the one token type is added in.
        embedding_norm: Of their sum.
        layers: From the first to the last.
        attention_heads: Per layer.
        activation: Between the two halves of the feed-forward.
        pooling: How token vectors become one vector per post.
        outputs: The heads by the name of the graph's output, on the pooled vector.
    """

    words: Floats | Int8Table
    positions: Floats
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    attention_heads: int
    activation: str
    pooling: str
    outputs: dict[str, Dense]
