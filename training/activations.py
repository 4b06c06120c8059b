"""What enters each product of the network on real posts: the facts that its rounding to whole numbers is fitted to.

Knows nothing of how anything is rounded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from earshot.packing import batches
from earshot.session import INPUT_IDS, LENGTHS, Ids
from training.network import EncoderWeights, Floats
from training.packed_graph import PRODUCTS, write_packed_graph

Doubles = npt.NDArray[np.float64]

_BATCH_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Activations:
    """What was seen to enter one product.

    Attributes:
        mean: `[inputs]`, the mean of x over all tokens.
        moment: `[inputs, inputs]`, the mean of x xᵀ.
        lowest: `[inputs]`, the smallest value of each channel.
        highest: `[inputs]`, the largest value of each channel.
    """

    mean: Doubles
    moment: Doubles
    lowest: Floats
    highest: Floats

    @property
    def middle(self) -> Floats:
        """`[inputs]`, halfway between the smallest and the largest value of each channel."""
        return np.asarray((self.lowest + self.highest) / 2, np.float32)

    @property
    def reach(self) -> Floats:
        """`[inputs]`, how far each channel's values get from its middle."""
        return np.asarray((self.highest - self.lowest) / 2, np.float32)

    @property
    def magnitude(self) -> Floats:
        """`[inputs]`, the largest absolute value of each channel."""
        return np.maximum(np.abs(self.lowest), np.abs(self.highest))

    def evened(self, shift: Floats, divisor: Floats) -> Activations:
        """The same, were each channel shifted down, then divided by a positive number."""
        across = np.outer(self.mean, shift)
        moment = self.moment - across - across.T + np.outer(shift, shift)
        return Activations(
            (self.mean - shift) / divisor,
            moment / np.outer(divisor, divisor),
            (self.lowest - shift) / divisor,
            (self.highest - shift) / divisor,
        )

    def take(self, channels: npt.NDArray[np.intp]) -> Activations:
        """The same of some channels."""
        return Activations(
            self.mean[channels],
            self.moment[np.ix_(channels, channels)],
            self.lowest[channels],
            self.highest[channels],
        )


def observe(weights: EncoderWeights, ids: Sequence[Ids]) -> dict[str, Activations]:
    """Run posts through the fp32 network and note what enters each product.

    Args:
        weights: The network in fp32.
        ids: Token ids of each post; some hundred posts of the kind that will be served.

    Returns:
        By `layer.N.PRODUCT`.
    """
    names = [f"layer.{index}.{product}" for index in range(len(weights.layers)) for product in PRODUCTS]
    seen: dict[str, list[Activations]] = {name: [] for name in names}
    shares: list[float] = []
    for inputs in _run(weights, ids, [f"{name}.input" for name in names]):
        shares.append(len(inputs[0]))
        for name, rows in zip(names, inputs, strict=True):
            seen[name].append(_of_rows(rows))
    return {name: _joined(parts, np.array(shares) / sum(shares)) for name, parts in seen.items()}


def _of_rows(rows: Floats) -> Activations:
    moment = (rows.T @ rows).astype(np.float64) / len(rows)
    return Activations(rows.mean(axis=0, dtype=np.float64), moment, rows.min(axis=0), rows.max(axis=0))


def _joined(parts: Sequence[Activations], shares: Doubles) -> Activations:
    return Activations(
        np.einsum("p,pi->i", shares, [part.mean for part in parts]),
        np.sum([share * part.moment for share, part in zip(shares, parts, strict=True)], axis=0),
        np.min([part.lowest for part in parts], axis=0),
        np.max([part.highest for part in parts], axis=0),
    )


def _run(weights: EncoderWeights, ids: Sequence[Ids], names: list[str]) -> Iterator[list[Floats]]:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "observed.onnx"
        write_packed_graph(weights, graph, {}, observed=True)
        session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        for rows in batches([len(post) for post in ids], 1, _BATCH_TOKENS):
            posts = [ids[row] for row in rows]
            lengths = np.array([len(post) for post in posts], np.int32)
            feed = {INPUT_IDS: np.concatenate(posts).astype(np.int32), LENGTHS: lengths}
            yield session.run(names, feed)
