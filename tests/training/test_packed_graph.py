from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, DebertaV2Config, DebertaV2Model

from earshot.calibration import Calibration
from earshot.parity import MAX_COMPANY_CHANGE, MAX_EXPORT_CHANGE, difference, score_change
from earshot.session import Ids, Logits, OnnxSession
from earshot.taxonomy import Taxonomy
from tests.training.networks import ARCHITECTURES, VOCABULARY, classifier, logits_of
from training.config import ModelConfig
from training.encoder_weights import UnsupportedEncoderError
from training.export import read_weights
from training.export_onnx import label_metadata, run_graph
from training.model import PostClassifier
from training.network import Dense, EncoderWeights, Int8Dense, Product
from training.packed_graph import PRODUCTS, write_packed_graph
from training.packed_int8 import places, rounded_twice, to_int8

_POSTS = np.random.default_rng(0)
POSTS: list[Ids] = [_POSTS.integers(5, VOCABULARY, size=size) for size in (2, 3, 70, 17, 17, 1, 40, 8)]
TYPICAL: list[Ids] = [_POSTS.integers(5, VOCABULARY, size=size) for size in range(2, 70)]
LABELS = label_metadata(Taxonomy.default())


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT in int8."""
    path = tmp_path_factory.mktemp("int8") / "model.onnx"
    write_packed_graph(to_int8(read_weights(classifier("bert")), TYPICAL), path, LABELS)
    return path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_says_what_the_network_says(
    architecture: str, pooling: Literal["mean", "cls"], tmp_path: Path
) -> None:
    model, path = classifier(architecture, pooling=pooling), tmp_path / "model.onnx"
    write_packed_graph(read_weights(model), path, LABELS)
    network, packed = logits_of(model, POSTS), run_graph(path, POSTS)
    assert np.ptp(network.category, axis=0).max() > 0.5  # posts differ, so that mixing them up would show
    plain = Calibration()
    assert difference(plain.apply(network), plain.apply(packed)).largest <= MAX_EXPORT_CHANGE
    np.testing.assert_allclose(packed.secondary, network.secondary, atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_int8_stays_close(architecture: str, activation: str, tmp_path: Path) -> None:
    weights, path = read_weights(classifier(architecture, activation=activation)), tmp_path / "model.onnx"
    write_packed_graph(weights, tmp_path / "fp32.onnx", LABELS)
    write_packed_graph(to_int8(weights, TYPICAL), path, LABELS)
    exact, rounded = run_graph(tmp_path / "fp32.onnx", POSTS), run_graph(path, POSTS)
    error = np.linalg.norm(rounded.category - exact.category) / np.linalg.norm(exact.category)
    assert 0 < error < 0.08


def _with_exact_inputs(weights: EncoderWeights) -> EncoderWeights:
    """The same rounded weights, but nothing that enters a product is rounded."""

    def exact(product: Product) -> Product:
        assert isinstance(product, Int8Dense)
        return Dense((product.weight * product.scale).astype(np.float32), product.bias)

    layers = [
        replace(layer, **{name: exact(getattr(layer, name)) for name in PRODUCTS})  # type: ignore[arg-type]
        for layer in weights.layers
    ]
    return replace(weights, layers=tuple(layers))


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_rounding_what_enters_twice_leaves_hardly_an_error(activation: str, tmp_path: Path) -> None:
    once = to_int8(read_weights(classifier("bert", activation=activation)), TYPICAL)
    networks = (_with_exact_inputs(once), once, rounded_twice(once, places(once)))
    graphs = [tmp_path / name for name in ("exact.onnx", "once.onnx", "twice.onnx")]
    for network, path in zip(networks, graphs, strict=True):
        write_packed_graph(network, path, LABELS)
    exact, rough, fine = (run_graph(path, TYPICAL).category for path in graphs)
    assert np.linalg.norm(fine - exact) < 0.1 * np.linalg.norm(rough - exact)


def test_a_processor_without_vnni_gives_the_same_scores(tmp_path: Path) -> None:
    once, path = to_int8(read_weights(classifier("bert")), TYPICAL), tmp_path / "model.onnx"
    write_packed_graph(rounded_twice(once, places(once)[::2]), path, LABELS)
    fast, safe = (OnnxSession(path, threads=1, exact_sums=exact) for exact in (True, False))
    try:
        np.testing.assert_allclose(safe.run(POSTS).category, fast.run(POSTS).category, atol=1e-5)
    finally:
        fast.close()
        safe.close()


def test_a_taxonomy_without_urgencies_has_no_such_output(tmp_path: Path) -> None:
    model, path = classifier("bert", urgencies=0), tmp_path / "model.onnx"
    write_packed_graph(read_weights(model), path, LABELS)
    assert run_graph(path, POSTS).urgency is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, len(TYPICAL) - 1), max_size=40),
    st.integers(0, len(TYPICAL) - 1),
    st.integers(0, 39),
    st.sampled_from([48, 192, 4096]),
)
def test_neighbours_never_change_a_post(int8: Path, others: list[int], post: int, place: int, limit: int) -> None:
    session = OnnxSession(int8, threads=2, max_batch_tokens=limit)
    try:
        alone = session.run([TYPICAL[post]])
        place = min(place, len(others))
        together = session.run([TYPICAL[row] for row in (*others[:place], post, *others[place:])])
    finally:
        session.close()
    assert together.urgency is not None
    picked = Logits(together.category[[place]], together.secondary[[place]], together.urgency[[place]])
    plain = Calibration()
    assert score_change(plain.apply(alone), plain.apply(picked)).max() <= MAX_COMPANY_CHANGE
    np.testing.assert_allclose(picked.secondary, alone.secondary, atol=MAX_COMPANY_CHANGE)


def test_the_runtime_keeps_one_product_per_dense_layer_and_no_transposition(int8: Path, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(int8), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(tmp_path / "optimized.onnx").graph
    operators = Counter(node.op_type for node in optimized.node)
    layers = 2
    assert operators["MatMulIntegerToFloat"] == 4 * layers
    assert operators["QuantizeLinear"] == 4 * layers
    assert operators["FusedMatMul"] == operators["MatMul"] - 1 == layers  # the one more is the pooling
    assert operators["LayerNormalization"] == 2 * layers + 1
    assert operators["Transpose"] == operators["MatMulInteger"] == operators["DynamicQuantizeLinear"] == 0


def test_another_family_is_refused_by_name() -> None:
    config = DebertaV2Config(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    model = PostClassifier(DebertaV2Model(config), 2, 0, ModelConfig())
    with pytest.raises(UnsupportedEncoderError, match="xlm-roberta, camembert, not 'deberta-v2'"):
        read_weights(model)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hidden_act", "silu", "not 'silu' of this 'bert'"),
        ("position_embedding_type", "relative_key", "not 'relative_key'"),
        ("is_decoder", True, "is a decoder"),
    ],
)
def test_a_variant_that_computes_something_else_is_refused(name: str, value: object, said: str) -> None:
    model = classifier("bert")
    config = model.encoder.config
    assert isinstance(config, BertConfig)
    setattr(config, name, value)
    with pytest.raises(UnsupportedEncoderError, match=said):
        read_weights(model)
