from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from training.config import WeightBits
from training.quantize import quantize_rowwise

WORDS, WIDTH, OUT = 50, 64, 32
Floats = npt.NDArray[np.float32]


def _graph(path: Path, table: Floats, weights: Floats) -> Path:
    """Ids → embedding → product with constant weights, and a product of activations as in attention."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["product"]),
        helper.make_node("Transpose", ["rows"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["rows", "columns"], ["attention"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["posts", "tokens"])],
        [
            helper.make_tensor_value_info("product", TensorProto.FLOAT, ["posts", "tokens", OUT]),
            helper.make_tensor_value_info("attention", TensorProto.FLOAT, ["posts", "tokens", "tokens"]),
        ],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def _run(path: Path, ids: list[list[int]]) -> Floats:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    product = session.run(["product"], {"ids": np.array(ids)})[0]
    return np.asarray(product, np.float32)


def _quantized(tmp_path: Path, table: Floats, weights: Floats, bits: WeightBits = 7) -> tuple[Path, Path]:
    fp32 = _graph(tmp_path / "fp32.onnx", table, weights)
    quantize_rowwise(fp32, tmp_path / "int8.onnx", weight_bits=bits)
    return fp32, tmp_path / "int8.onnx"


@pytest.fixture
def normal() -> tuple[Floats, Floats]:
    random = np.random.default_rng(4)
    return random.normal(size=(WORDS, WIDTH)).astype(np.float32), random.normal(size=(WIDTH, OUT)).astype(np.float32)


@pytest.mark.parametrize(("bits", "error"), [(7, 0.02), (8, 0.012)])
def test_the_quantized_graph_stays_close(
    bits: WeightBits, error: float, normal: tuple[Floats, Floats], tmp_path: Path
) -> None:
    fp32, int8 = _quantized(tmp_path, *normal, bits)
    ids = [list(range(WORDS))]
    exact = _run(fp32, ids)
    assert np.linalg.norm(_run(int8, ids) - exact) / np.linalg.norm(exact) < error


def test_a_row_depends_on_itself_alone(normal: tuple[Floats, Floats], tmp_path: Path) -> None:
    table, weights = normal
    table[7] *= 1000  # with one scale for all, this word would drown the others
    _, int8 = _quantized(tmp_path, table, weights)
    alone, beside = _run(int8, [[3]]), _run(int8, [[7, 3, 7]])
    assert np.array_equal(alone[0, 0], beside[0, 1])


def test_the_largest_products_do_not_saturate(tmp_path: Path) -> None:
    # Two neighbouring products are added in 16 bits where there is no VNNI: 2 * 255 * 63 fits, 2 * 255 * 127 does not.
    table, weights = np.ones((WORDS, WIDTH), np.float32), np.ones((WIDTH, OUT), np.float32)
    _, int8 = _quantized(tmp_path, table, weights)
    assert _run(int8, [[0, 1]]) == pytest.approx(np.full((1, 2, OUT), WIDTH), rel=1e-5)
    model = onnx.load(int8)
    (stored,) = (numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == "weights.int8")
    assert 2 * 255 * int(np.abs(stored.astype(int)).max()) <= np.iinfo(np.int16).max


def test_a_row_of_zeros_stays_zero(normal: tuple[Floats, Floats], tmp_path: Path) -> None:
    table, weights = normal
    table[0] = 0
    _, int8 = _quantized(tmp_path, table, weights)
    assert np.array_equal(_run(int8, [[0]]), np.zeros((1, 1, OUT), np.float32))


def test_products_of_activations_stay_in_fp32_and_no_fp32_weights_remain(
    normal: tuple[Floats, Floats], tmp_path: Path
) -> None:
    _, int8 = _quantized(tmp_path, *normal)
    graph = onnx.load(int8).graph
    operators = [node.op_type for node in graph.node]
    assert (operators.count("MatMul"), operators.count("MatMulInteger")) == (1, 1)
    assert {"table", "weights"}.isdisjoint(tensor.name for tensor in graph.initializer)
