"""Posts a second through a graph in this process, and the limit that its bare integer products set."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.cells import Figures
from earshot.cpu import available_cpus
from earshot.packing import MAX_BATCH_TOKENS
from earshot.session import INPUT_IDS, Ids, OnnxSession

_SECONDS = 1.5


def served_batches(graph: Path, ids: Sequence[Ids], posts: int) -> Figures:
    """Posts a second as Earshot's own session runs them, so many at a time."""
    session = OnnxSession(graph)
    try:
        batches = [ids[start : start + posts] for start in range(0, len(ids) - posts + 1, posts)]
        return _rate(lambda index: session.run(batches[index % len(batches)]), posts)
    finally:
        session.close()


def padded_batches(graph: Path, ids: Sequence[Ids], posts: int) -> Figures:
    """Posts a second as most people run a padded graph: one session on all processors, batches in the order given."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cpus()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    feeds = [_pad(ids[start : start + posts]) for start in range(0, len(ids) - posts + 1, posts)]
    return _rate(lambda index: session.run(None, feeds[index % len(feeds)]), posts)


def _pad(ids: Sequence[Ids]) -> dict[str, npt.NDArray[np.int64]]:
    padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
    mask = np.zeros_like(padded)
    for row, post in enumerate(ids):
        padded[row, : len(post)], mask[row, : len(post)] = post, 1
    return {INPUT_IDS: padded, "attention_mask": mask}


def _rate(run: Callable[[int], object], posts: int) -> Figures:
    run(0)
    started, turns = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < _SECONDS or turns < 3:
        run(turns)
        turns += 1
    return {"posts_per_s": posts * turns / passed}


def bare_products(graph: Path, mean_tokens: float) -> Figures:
    """What the integer products of a packed graph alone allow: `MatMulInteger` in turn, one thread a core.

    Args:
        graph: The graph whose products are taken.
        mean_tokens: Tokens of a post.
    """
    weights = _int8_weights(graph)
    tokens, threads = MAX_BATCH_TOKENS, available_cpus()
    session = _products_session([matrix.shape for matrix in weights])
    random = np.random.default_rng(0)
    feed = {
        f"x{width}": random.integers(0, 255, size=(tokens, width), dtype=np.uint8)
        for width in sorted({matrix.shape[0] for matrix in weights})
    }
    with ThreadPoolExecutor(threads) as pool:
        rate = _rate(lambda _: list(pool.map(lambda _: session.run(None, feed), range(threads))), threads)
    multiply_adds = float(sum(matrix.size for matrix in weights))
    runs_per_s = rate["posts_per_s"]
    return {
        "posts_per_s": runs_per_s * tokens / mean_tokens,
        "multiply_adds_per_token": multiply_adds,
        "giga_operations_per_s": 2e-9 * multiply_adds * tokens * runs_per_s,
    }


def _int8_weights(graph: Path) -> list[npt.NDArray[np.int8]]:
    model = onnx.load(graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMulIntegerToFloat"]
    return [numpy_helper.to_array(tensors[node.input[1]]) for node in products]


def _products_session(shapes: Sequence[tuple[int, ...]]) -> onnxruntime.InferenceSession:
    random = np.random.default_rng(0)
    widths = sorted({inputs for inputs, _ in shapes})
    constants = [numpy_helper.from_array(np.array(128, np.uint8), "zero")]
    constants += [
        numpy_helper.from_array(random.integers(-127, 128, size=shape, dtype=np.int8), f"w{index}")
        for index, shape in enumerate(shapes)
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMulInteger", [f"x{inputs}", f"w{index}", "zero"], [f"y{index}"])
            for index, (inputs, _) in enumerate(shapes)
        ],
        "products",
        [helper.make_tensor_value_info(f"x{width}", TensorProto.UINT8, ["tokens", width]) for width in widths],
        [helper.make_tensor_value_info(f"y{index}", TensorProto.INT32, None) for index in range(len(shapes))],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def profile(graph: Path, ids: Sequence[Ids], posts: int) -> Figures:
    """Share of each operator in the kernels' time, one thread."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        for start in range(0, min(len(ids), 40 * posts) - posts + 1, posts):
            together = ids[start : start + posts]
            lengths = np.array([len(post) for post in together], np.int32)
            session.run(None, {INPUT_IDS: np.concatenate(together).astype(np.int32), "lengths": lengths})
        events = json.loads(Path(session.end_profiling()).read_text())
    times: dict[str, float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["args"]["op_name"]
            times[name] = times.get(name, 0.0) + event["dur"]
    total = sum(times.values())
    return {name: took / total for name, took in sorted(times.items(), key=lambda item: -item[1])}
