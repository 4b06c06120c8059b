"""From an fp32 graph to int8, row by row: each token's activations and each word's embedding have their own scale.

Dynamic quantization as onnxruntime ships it (`quantize_dynamic`) takes one scale for a whole tensor: a single large
value then coarsens all others, and a post's scores depend on the rest of its batch. With a scale per token row
(ZeroQuant, Yao et al. 2022, arXiv 2206.01861) a row depends on nothing but itself. Built from standard ONNX
operators. Knows nothing of labels or training.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from training.config import WeightBits

_ZERO_POINT = 128
_LARGEST_ACTIVATION = 127.0
_LARGEST_EMBEDDING = 127.0
_SMALLEST_SCALE = 1e-10


def quantize_rowwise(fp32: Path, int8: Path, *, weight_bits: WeightBits) -> None:
    """Quantize embeddings, and products with constant weights.

    Weights get a scale per output channel, embeddings one per word, activations one per token row at run time.
    Products of two activations (attention) and the small heads stay in fp32.

    Args:
        fp32: The exported graph.
        int8: Where to write the quantized one.
        weight_bits: 7 keeps two products added in 16 bits from saturating, where a processor has AVX2 but no VNNI:
            such a graph answers alike everywhere. 8 is a little closer to fp32.
    """
    model = onnx.load(fp32)
    _Rewriter(model.graph, weight_bits).run()
    onnx.checker.check_model(model)
    onnx.save(model, int8)


class _Rewriter:
    """Replaces nodes of one graph, in place."""

    def __init__(self, graph: onnx.GraphProto, weight_bits: WeightBits) -> None:
        self._graph = graph
        self._largest_weight = float(2 ** (weight_bits - 1) - 1)
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes: list[NodeProto] = []
        self._quantized_inputs: dict[str, tuple[str, str]] = {}

    def run(self) -> None:
        self._constant("quantize.zero_point", np.array(_ZERO_POINT, np.uint8))
        self._constant("quantize.shift", np.array(_ZERO_POINT, np.float32))
        self._constant("quantize.step", np.array(1 / _LARGEST_ACTIVATION, np.float32))
        self._constant("quantize.smallest", np.array(_SMALLEST_SCALE, np.float32))
        self._constant("quantize.last_axis", np.array([-1], np.int64))
        for node in self._graph.node:
            if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
                self._product(node)
            elif node.op_type == "Gather" and self._is_matrix(node.input[0]):
                self._embedding(node)
            else:
                self._nodes.append(node)
        used = Counter(name for node in self._nodes for name in node.input)
        kept = [tensor for tensor in self._constants.values() if used[tensor.name]]
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _is_matrix(self, name: str) -> bool:
        tensor = self._constants.get(name)
        return tensor is not None and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: int) -> str:
        node = helper.make_node(operator, inputs, [output], name=f"{output}.{operator}")
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self._nodes.append(node)
        return output

    def _weights(self, name: str, axis: int, largest: float) -> tuple[str, str]:
        """Quantize a constant to whole numbers up to `largest`, a scale for each index that is not on `axis`."""
        values = numpy_helper.to_array(self._constants[name]).astype(np.float64)
        scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True), _SMALLEST_SCALE) / largest
        rounded = np.round(values / scale).astype(np.int8)
        return (
            self._constant(f"{name}.int8", rounded),
            self._constant(f"{name}.scale", (scale if axis == 1 else scale[0]).astype(np.float32)),
        )

    def _rows(self, name: str) -> tuple[str, str]:
        """Quantize an activation `[…, width]` to `[…, width]` uint8 and scales `[…, 1]`, once for all that take it."""
        if name not in self._quantized_inputs:
            self._add("Abs", [name], f"{name}.magnitude")
            self._add("ReduceMax", [f"{name}.magnitude", "quantize.last_axis"], f"{name}.largest", keepdims=1)
            self._add("Mul", [f"{name}.largest", "quantize.step"], f"{name}.exact_scale")
            scale = self._add("Max", [f"{name}.exact_scale", "quantize.smallest"], f"{name}.scale")
            self._add("Div", [name, scale], f"{name}.scaled")
            self._add("Round", [f"{name}.scaled"], f"{name}.rounded")
            self._add("Add", [f"{name}.rounded", "quantize.shift"], f"{name}.shifted")
            quantized = self._add("Cast", [f"{name}.shifted"], f"{name}.uint8", to=TensorProto.UINT8)
            self._quantized_inputs[name] = (quantized, scale)
        return self._quantized_inputs[name]

    def _product(self, node: NodeProto) -> None:
        quantized, row_scale = self._rows(node.input[0])
        weights, channel_scale = self._weights(node.input[1], axis=0, largest=self._largest_weight)
        output = node.output[0]
        self._add("MatMulInteger", [quantized, weights, "quantize.zero_point"], f"{output}.int32")
        self._add("Cast", [f"{output}.int32"], f"{output}.float", to=TensorProto.FLOAT)
        self._add("Mul", [f"{output}.float", row_scale], f"{output}.rows")
        self._add("Mul", [f"{output}.rows", channel_scale], output)

    def _embedding(self, node: NodeProto) -> None:
        rows, scales = self._weights(node.input[0], axis=1, largest=_LARGEST_EMBEDDING)
        output, ids = node.output[0], node.input[1]
        self._add("Gather", [rows, ids], f"{output}.int8", axis=0)
        self._add("Cast", [f"{output}.int8"], f"{output}.float", to=TensorProto.FLOAT)
        self._add("Gather", [scales, ids], f"{output}.row_scales", axis=0)
        self._add("Mul", [f"{output}.float", f"{output}.row_scales"], output)
