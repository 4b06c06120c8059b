"""The ONNX graph that runs many posts at once without padding: the tokens of all of them in one row.

Each dense layer, which is over 90 % of the work, runs on `[tokens, width]`; only attention looks at the posts one by
one, `[posts, heads, longest, ...]`, and gathers there and back in a single copy each way. Everything that precedes a
rounding to whole numbers depends, bit by bit, on nothing but the post itself, so that its neighbours cannot change its
scores. Knows nothing of training; how numbers are rounded was decided in `training/quantize.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from earshot.session import INPUT_IDS, LENGTHS
from training.network import (
    Dense,
    EncoderWeights,
    FixedStep,
    Int8Dense,
    Int8Table,
    Layer,
    Norm,
    OutlierChannels,
    Product,
    RowStep,
)

_OPSET = 21
_IR_VERSION = 10
_CONTRIBUTED = "com.microsoft"
_LARGEST_UINT8 = 255
_MIDDLE, _FINER = 128, 254.0
"""What is left of a number lies within half a step to either side, so steps 254 times finer reach from 1 to 255."""
_FAR_BELOW = -40.0
"""Added to the score of what is no token. Its share, at most e^-40, is lost when float32 adds it to the others; a far
lower score would give a denormal number, with which processors compute many times slower."""

PRODUCTS = ("qkv", "attention_output", "up", "down")
"""The dense layers of each layer, as `Layer` calls them."""


def write_packed_graph(
    weights: EncoderWeights, path: Path, metadata: Mapping[str, str], *, observed: bool = False
) -> None:
    """Write the graph.

    Its inputs are `input_ids [tokens]`, all posts' ids one after the other, and `lengths [posts]`, both int32.
    Its outputs are those of `weights.outputs`, `[posts, …]`.

    Args:
        weights: The network, in fp32 or rounded.
        path: Where to.
        metadata: What the graph says of itself.
        observed: Also put out what enters each product, `layer.N.PRODUCT.input [tokens, …]`.
    """
    graph = _PackedGraph(weights, observed=observed)
    outputs = graph.build() + graph.product_inputs
    model = ir.Model(
        ir.Graph(
            [graph.input_ids, graph.lengths],
            outputs,
            nodes=graph.nodes,
            initializers=graph.initializers,
            opset_imports={"": _OPSET, _CONTRIBUTED: 1},
            name="packed",
        ),
        ir_version=_IR_VERSION,
        producer_name="earshot",
        metadata_props=dict(metadata),
    )
    ir.save(model, path)


class _PackedGraph:
    """Writes the network's operators, in the order in which they run."""

    def __init__(self, weights: EncoderWeights, *, observed: bool) -> None:
        self._weights = weights
        self._observed = observed
        self._tape = ir.tape.Tape()
        self._constants: dict[str, ir.Value] = {}
        self._heads = weights.attention_heads
        self._width = weights.embedding_norm.scale.shape[0]
        self.input_ids = ir.val(INPUT_IDS, ir.DataType.INT32, ["tokens"])
        self.lengths = ir.val(LENGTHS, ir.DataType.INT32, ["posts"])
        self.product_inputs: list[ir.Value] = []

    @property
    def nodes(self) -> list[ir.Node]:
        return list(self._tape.nodes)

    @property
    def initializers(self) -> list[ir.Value]:
        return list(self._tape.initializers)

    def build(self) -> list[ir.Value]:
        self._layout()
        rows = self._embeddings()
        norm = self._weights.embedding_norm
        for index, layer in enumerate(self._weights.layers):
            rows = self._layer(f"layer.{index}", layer, rows, norm)
            norm = layer.output_norm
        pooled = self._pool(self._residual("pooled", rows, norm))
        return [self._head(name, pooled, head) for name, head in self._weights.outputs.items()]

    # Where each token lies, once for all layers.

    def _layout(self) -> None:
        """Where the tokens of each post lie in the row, and where each token of the row lies among the posts."""
        longest = self._op("ReduceMax", [self.lengths], keepdims=0)
        places = self._op("Range", [self._int32("zero", 0), longest, self._int32("one", 1)])
        lengths = self._op("Unsqueeze", [self.lengths, self._int64("last", [-1])])
        filled = self._op("Less", [places, lengths])  # [posts, longest]
        starts = self._op("CumSum", [self.lengths, self._int32("first_axis", 0)], exclusive=1)
        self._starts = starts
        starts = self._op("Unsqueeze", [starts, self._int64("last", [-1])])
        # What is no token repeats the post's own first one, whose score cannot exceed the post's best.
        tokens = self._op("Where", [filled, self._op("Add", [starts, places]), starts])
        posts, self._places = self._rows_of(self._op("NonZero", [filled]))
        self._filled, self._post_of_token = filled, posts
        mask = self._op("Where", [filled, self._float("nothing", 0.0), self._float("far_below", _FAR_BELOW)])
        self._mask = self._op("Unsqueeze", [mask, self._int64("head_and_query", [1, 2])])
        self._attention_indices(tokens, posts, longest)

    def _rows_of(self, pair: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The two rows of `[2, tokens]`, as int32."""
        small = self._op("Cast", [pair], to=ir.DataType.INT32)
        one, other = (self._op("Gather", [small, self._int64(f"row_{row}", row)], axis=0) for row in (0, 1))
        return one, other

    def _attention_indices(self, tokens: ir.Value, posts: ir.Value, longest: ir.Value) -> None:
        """Which head's slice of which token goes where: tokens to `[posts, heads, longest, …]`, and back.

        Gathering slices of one head's width does in one copy what a gather and a transposition do in two.
        """
        heads = np.arange(self._heads, dtype=np.int32)
        slices = self._op("Mul", [tokens, self._int32("slices", 3 * self._heads)])
        slices = self._op("Unsqueeze", [slices, self._int64("head", [1])])
        self._gather = [
            self._op("Add", [slices, self._constant(f"slice_of_{part}", (heads + at * self._heads).reshape(1, -1, 1))])
            for at, part in enumerate(("query", "key", "value"))
        ]
        blocks = self._op("Mul", [posts, self._int32("heads", self._heads)])
        blocks = self._op(
            "Add", [self._op("Unsqueeze", [blocks, self._int64("last", [-1])]), self._constant("each_head", heads)]
        )
        blocks = self._op("Mul", [blocks, longest])
        self._gather_back = self._op(
            "Add", [blocks, self._op("Unsqueeze", [self._places, self._int64("last", [-1])])]
        )  # [tokens, heads]

    # The network.

    def _embeddings(self) -> ir.Value:
        words = self._weights.words
        if isinstance(words, Int8Table):
            whole = self._op("Gather", [self._constant("words", words.rows), self.input_ids], axis=0)
            scale = self._op("Gather", [self._constant("words.scale", words.scale), self.input_ids], axis=0)
            rows = self._op("Mul", [self._op("Cast", [whole], to=ir.DataType.FLOAT), scale])
        else:
            rows = self._op("Gather", [self._constant("words", words), self.input_ids], axis=0)
        positions = self._op("Gather", [self._constant("positions", self._weights.positions), self._places], axis=0)
        return self._norm("embeddings", self._op("Add", [rows, positions]), self._weights.embedding_norm)

    def _layer(self, name: str, layer: Layer, rows: ir.Value, norm: Norm) -> ir.Value:
        """One layer; `norm` is the one that `rows` came out of."""
        qkv = self._product(f"{name}.qkv", rows, layer.qkv)
        attended = self._product(f"{name}.attention_output", self._attention(qkv), layer.attention_output)
        residual = self._residual(f"{name}.attention", rows, norm)
        rows = self._norm(f"{name}.attention", self._op("Add", [attended, residual]), layer.attention_norm)
        inner = self._activation(self._product(f"{name}.up", rows, layer.up), layer.down)
        fed = self._product(f"{name}.down", inner, layer.down)
        residual = self._residual(f"{name}.output", rows, layer.attention_norm)
        if layer.outliers is not None:
            residual = self._outliers(f"{name}.outliers", layer.outliers, rows, residual)
        return self._norm(f"{name}.output", self._op("Add", [fed, residual]), layer.output_norm)

    def _attention(self, qkv: ir.Value) -> ir.Value:
        """`[tokens, 3 * width]` to `[tokens, width]`; each post attends to itself alone."""
        width = self._width // self._heads
        slices = self._op("Reshape", [qkv, self._int64("slices_of_head", [-1, width])])
        query, key, value = (self._op("Gather", [slices, index], axis=0) for index in self._gather)
        scores = self._op("FusedMatMul", [query, key], domain=_CONTRIBUTED, transB=1, alpha=float(1 / np.sqrt(width)))
        shares = self._op("Softmax", [self._op("Add", [scores, self._mask])], axis=-1)
        mixed = self._op("MatMul", [shares, value])
        slices = self._op("Reshape", [mixed, self._int64("slices_of_head", [-1, width])])
        back = self._op("Gather", [slices, self._gather_back], axis=0)
        return self._op("Reshape", [back, self._int64("rows", [-1, self._width])])

    def _activation(self, rows: ir.Value, then: Product) -> ir.Value:
        if self._weights.activation == "gelu":
            return self._op("Gelu", [rows])
        if isinstance(then, Int8Dense) and then.inputs.zero_point == 0 and not then.twice:
            return rows  # rounding to uint8 cuts off all that is negative
        return self._op("Relu", [rows])

    def _outliers(self, name: str, channels: OutlierChannels, rows: ir.Value, residual: ir.Value) -> ir.Value:
        """Add to the residual what a few channels in fp32 contribute."""
        up, down = channels.up, channels.down
        inner = self._op("Gemm", [rows, *self._weight_and_bias(f"{name}.up", up)])
        inner = self._op("Gelu" if self._weights.activation == "gelu" else "Relu", [inner])
        return self._op("Gemm", [inner, self._constant(f"{name}.down.weight", down.weight), residual])

    def _norm(self, name: str, rows: ir.Value, norm: Norm) -> ir.Value:
        scale = self._constant(f"{name}.norm.scale", norm.scale)
        bias = self._constant(f"{name}.norm.bias", norm.bias)
        return self._op("LayerNormalization", [rows, scale, bias], axis=-1, epsilon=norm.epsilon)

    def _residual(self, name: str, rows: ir.Value, norm: Norm) -> ir.Value:
        if norm.smoothing is None:
            return rows
        return self._op("Mul", [rows, self._constant(f"{name}.smoothing", norm.smoothing)])

    def _pool(self, rows: ir.Value) -> ir.Value:
        """`[tokens, width]` to `[posts, width]`."""
        if self._weights.pooling == "cls":
            return self._op("Gather", [rows, self._starts], axis=0)
        posts = self._op("Range", [self._int32("zero", 0), self._size(self.lengths), self._int32("one", 1)])
        own = self._op("Equal", [self._op("Unsqueeze", [posts, self._int64("last", [-1])]), self._post_of_token])
        sums = self._op("MatMul", [self._op("Cast", [own], to=ir.DataType.FLOAT), rows])
        lengths = self._op("Cast", [self.lengths], to=ir.DataType.FLOAT)
        return self._op("Div", [sums, self._op("Unsqueeze", [lengths, self._int64("last", [-1])])])

    def _size(self, vector: ir.Value) -> ir.Value:
        size = self._op("Squeeze", [self._op("Shape", [vector])])
        return self._op("Cast", [size], to=ir.DataType.INT32)

    def _head(self, name: str, pooled: ir.Value, head: Dense) -> ir.Value:
        product = self._op(
            "Gemm", [pooled, self._constant(f"{name}.weight", head.weight), self._constant(f"{name}.bias", head.bias)]
        )
        return self._named(product, name, ["posts", head.bias.shape[0]])

    # Products with constant weights.

    def _product(self, name: str, rows: ir.Value, product: Product) -> ir.Value:
        if self._observed:
            observed = self._op("Identity", [rows])
            self.product_inputs.append(self._named(observed, f"{name}.input", ["tokens", product.weight.shape[0]]))
        if isinstance(product, Dense):
            weight, bias = (
                self._constant(f"{name}.weight", product.weight),
                self._constant(f"{name}.bias", product.bias),
            )
            return self._op("Add", [self._op("MatMul", [rows, weight]), bias])
        if isinstance(product.inputs, FixedStep):
            return self._fixed_step_product(name, rows, product, product.inputs)
        return self._row_step_product(name, rows, product, product.inputs)

    def _fixed_step_product(self, name: str, rows: ir.Value, product: Int8Dense, inputs: FixedStep) -> ir.Value:
        step = self._float(f"{name}.step", inputs.step)
        zero_point = self._constant(f"{name}.zero_point", np.array(inputs.zero_point, np.uint8))
        whole = self._op("QuantizeLinear", [rows, step, zero_point])
        bias = self._constant(f"{name}.bias", product.bias)
        rough = self._int8_product(name, product, whole, step, zero_point, bias)
        if not product.twice:
            return rough
        left = self._op("Sub", [rows, self._op("DequantizeLinear", [whole, step, zero_point])])
        finer = self._float(f"{name}.finer_step", inputs.step / _FINER)
        middle = self._constant("middle", np.array(_MIDDLE, np.uint8))
        whole = self._op("QuantizeLinear", [left, finer, middle])
        return self._op("Add", [rough, self._int8_product(f"{name}.again", product, whole, finer, middle)])

    def _row_step_product(self, name: str, rows: ir.Value, product: Int8Dense, inputs: RowStep) -> ir.Value:
        magnitude = self._op("Abs", [rows]) if inputs.signed else rows
        largest = self._op("ReduceMax", [magnitude, self._int64("last", [-1])], keepdims=1)
        levels = self._float(f"{name}.levels", 1 / (_LARGEST_UINT8 - inputs.zero_point))
        smallest = self._float(f"{name}.smallest_step", inputs.smallest_step)
        steps = self._op("Max", [self._op("Mul", [largest, levels]), smallest])  # [tokens, 1]
        zero_point = self._constant(f"{name}.zero_point", np.array(inputs.zero_point, np.uint8))
        zero_points = self._op("Expand", [zero_point, self._op("Shape", [self.input_ids])])
        step_of_row = self._op("Squeeze", [steps, self._int64("last", [-1])])
        whole = self._op("QuantizeLinear", [rows, step_of_row, zero_points], axis=0)
        sums = self._int8_product(name, product, whole, self._float("one_step", 1.0), zero_point)
        if product.twice:
            left = self._op("Sub", [rows, self._op("DequantizeLinear", [whole, step_of_row, zero_points], axis=0)])
            finer = self._op("Div", [step_of_row, self._float("finer", _FINER)])
            middle = self._constant("middle", np.array(_MIDDLE, np.uint8))
            middles = self._op("Expand", [middle, self._op("Shape", [self.input_ids])])
            whole = self._op("QuantizeLinear", [left, finer, middles], axis=0)
            part = self._int8_product(
                f"{name}.again", product, whole, self._float("one_finer_step", 1 / _FINER), middle
            )
            sums = self._op("Add", [sums, part])
        return self._op("Add", [self._op("Mul", [sums, steps]), self._constant(f"{name}.bias", product.bias)])

    def _int8_product(
        self,
        name: str,
        product: Int8Dense,
        whole: ir.Value,
        step: ir.Value,
        zero_point: ir.Value,
        bias: ir.Value | None = None,
    ) -> ir.Value:
        """A product of whole numbers, times both scales, plus the bias.

        Each has its own copy of the weights, which onnxruntime packs for each anyway; where it has to recode them for a
        processor without VNNI, it fails over shared ones.
        """
        weight, scale = self._constant(f"{name}.weight", product.weight), self._constant(f"{name}.scale", product.scale)
        inputs = [whole, weight, step, scale, zero_point, *([] if bias is None else [None, bias])]
        return self._op("MatMulIntegerToFloat", inputs, domain=_CONTRIBUTED)

    # Writing.

    def _op(self, kind: str, inputs: list[ir.Value | None], *, domain: str = "", **attributes: float | int) -> ir.Value:
        return self._tape.op(kind, inputs, attributes, domain=domain)

    def _named(self, value: ir.Value, name: str, shape: list[str | int]) -> ir.Value:
        value.name = name
        value.dtype = ir.DataType.FLOAT
        value.shape = ir.Shape(shape)
        return value

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> ir.Value:
        if name not in self._constants:
            self._constants[name] = self._tape.initializer(ir.tensor(np.array(value, order="C"), name=name))
        return self._constants[name]

    def _weight_and_bias(self, name: str, dense: Dense) -> tuple[ir.Value, ir.Value]:
        return self._constant(f"{name}.weight", dense.weight), self._constant(f"{name}.bias", dense.bias)

    def _int32(self, name: str, value: int) -> ir.Value:
        return self._constant(name, np.array(value, np.int32))

    def _int64(self, name: str, value: int | list[int]) -> ir.Value:
        return self._constant(name, np.array(value, np.int64))

    def _float(self, name: str, value: float) -> ir.Value:
        return self._constant(name, np.array(value, np.float32))
