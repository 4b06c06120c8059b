from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from earshot import Bundle, SessionError, Taxonomy
from earshot.cpu import available_cpus
from earshot.session import CATEGORIES_KEY, URGENCIES_KEY, OnnxSession
from tests.tiny import tiny_graph

REFUND, STOLEN = np.array([2, 6, 3]), np.array([2, 12, 12, 3])


@pytest.fixture
def session(tiny_bundle: Bundle) -> Iterator[OnnxSession]:
    session = OnnxSession(tiny_bundle.graph_path, threads=2)
    yield session
    session.close()


def graph_with(folder: Path, metadata: Mapping[str, str]) -> Path:
    model = onnx.load_model_from_string(tiny_graph(Taxonomy.default()))
    helper.set_model_props(model, dict(metadata))
    path = folder / "changed.onnx"
    onnx.save_model(model, path)
    return path


def test_logits_have_a_row_per_post_in_order(session: OnnxSession) -> None:
    logits = session.run([REFUND, STOLEN, REFUND])
    assert logits.category.shape == logits.secondary.shape == (3, 6)
    assert logits.urgency is not None
    assert logits.urgency.shape == (3, 3)
    assert logits.category[0].argmax() == logits.category[2].argmax() == 2
    assert logits.urgency[1].min() > logits.urgency[0].max()


def test_a_post_gets_the_same_bits_alone_and_in_company(session: OnnxSession) -> None:
    alone = session.run([STOLEN])
    together = session.run([REFUND] * 20 + [STOLEN] + [REFUND] * 20)
    np.testing.assert_array_equal(together.category[20], alone.category[0])


def test_the_graph_says_its_own_label_order(session: OnnxSession) -> None:
    taxonomy = Taxonomy.default()
    assert session.labels() == (taxonomy.category_names, taxonomy.urgency_names)


def test_the_provider_in_use_is_told(session: OnnxSession) -> None:
    assert session.provider == "CPUExecutionProvider"


def test_by_default_as_many_threads_as_processors(tiny_bundle: Bundle) -> None:
    session = OnnxSession(tiny_bundle.graph_path)
    assert session.threads == available_cpus()
    session.close()


def test_a_graph_without_urgencies_gives_none(tmp_path: Path) -> None:
    taxonomy = Taxonomy.default().model_copy(update={"urgencies": ()})
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_graph(taxonomy))
    session = OnnxSession(path, threads=1)
    assert session.labels() == (taxonomy.category_names, ())
    assert session.run([REFUND]).urgency is None


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07"])
def test_a_file_that_is_no_graph_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(SessionError, match=r"cannot load .*model\.onnx"):
        OnnxSession(path)


def test_a_missing_graph_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"cannot load .*nowhere\.onnx"):
        OnnxSession(tmp_path / "nowhere.onnx")


def test_somebody_elses_graph_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input_ids"], ["output"])],
        "other",
        [helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("output", onnx.TensorProto.INT64, [1])],
    )
    path = tmp_path / "other.onnx"
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    with pytest.raises(SessionError, match=r"other\.onnx is not an Earshot graph: it lacks \['category_logits'"):
        OnnxSession(path)


def test_a_provider_that_is_not_there_is_refused(tiny_bundle: Bundle) -> None:
    with pytest.warns(UserWarning, match="NoSuchProvider"), pytest.raises(SessionError, match="NoSuchProvider"):
        OnnxSession(tiny_bundle.graph_path, provider="NoSuchProvider")


def test_a_token_that_the_graph_does_not_know_is_an_error_of_ours(session: OnnxSession) -> None:
    with pytest.raises(SessionError, match=r"cannot run .*model\.onnx"):
        session.run([np.array([999])])


NAMES, LEVELS = (json.dumps(names) for names in (Taxonomy.default().category_names, Taxonomy.default().urgency_names))


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({CATEGORIES_KEY: "[", URGENCIES_KEY: LEVELS}, "is not JSON"),
        ({CATEGORIES_KEY: '"leak"', URGENCIES_KEY: LEVELS}, "is not a list of names"),
        ({CATEGORIES_KEY: "[1, 2]", URGENCIES_KEY: LEVELS}, "is not a list of names"),
        ({CATEGORIES_KEY: '["a", "b"]', URGENCIES_KEY: LEVELS}, "although its metadata names labels for"),
        ({CATEGORIES_KEY: NAMES, URGENCIES_KEY: '["low", "high"]'}, "although its metadata names labels for"),
        ({CATEGORIES_KEY: NAMES}, "although its metadata names labels for"),
        ({}, "although its metadata names labels for"),
    ],
)
def test_metadata_that_does_not_fit_the_outputs_is_refused(
    tmp_path: Path, metadata: dict[str, str], complaint: str
) -> None:
    session = OnnxSession(graph_with(tmp_path, metadata), threads=1)
    with pytest.raises(SessionError, match=rf"changed\.onnx.*{complaint}"):
        session.labels()


@pytest.mark.parametrize("exact_sums", [None, False])
def test_the_largest_products_do_not_saturate_whatever_the_processor(tmp_path: Path, exact_sums: bool | None) -> None:
    # Two neighbouring products are added in 16 bits where there is no VNNI: 2 * 255 * 127 does not fit there, so such
    # a processor gives another sum, unless the session asks for exact ones.
    graph = onnx.load_model_from_string(tiny_graph(Taxonomy.default())).graph
    width, categories = 64, len(Taxonomy.default().categories)
    constants: dict[str, npt.NDArray[Any]] = {
        "rows": np.full((20, width), 255, np.uint8),
        "weights": np.full((width, categories), 127, np.int8),
        "zero": np.array(0, np.uint8),
        "one": np.array(1, np.float32),
        "ones": np.ones(categories, np.float32),
        "axis": np.array([1]),
    }
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    kept = [node for node in graph.node if "category_logits" not in node.output]
    del graph.node[:]
    graph.node.extend(kept)
    graph.node.extend(
        [
            helper.make_node("Gather", ["rows", "input_ids"], ["whole"]),
            helper.make_node(
                "MatMulIntegerToFloat",
                ["whole", "weights", "one", "ones", "zero"],
                ["products"],
                domain="com.microsoft",
            ),
            helper.make_node("ReduceMax", ["products", "axis"], ["category_logits"], keepdims=0),
        ]
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    session = OnnxSession(path, threads=1, exact_sums=exact_sums)
    assert session.run([REFUND]).category.tolist() == [[255 * 127 * width] * categories]
    session.close()
