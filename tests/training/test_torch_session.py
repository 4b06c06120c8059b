from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from earshot import Bundle, BundleError, Pipeline, SessionError
from earshot.bundle import GRAPH, MODEL_CARD, TOKENIZER
from earshot.parity import MAX_EXPORT_CHANGE
from earshot.taxonomy import Taxonomy
from eval.__main__ import evaluate
from tests.tiny import write_tiny_bundle
from tests.training.networks import classifier
from training.export import read_weights
from training.export_onnx import label_metadata
from training.packed_graph import write_packed_graph
from training.torch_weights import save_weights

TEXTS = ["refund today", "it leaked", "love lunch add crashes", "stolen"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with a packed graph and the weights that it was made from."""
    folder = tmp_path_factory.mktemp("weights")
    model, taxonomy = classifier("bert"), Taxonomy.default()
    tiny = write_tiny_bundle(folder / "tiny", taxonomy=taxonomy)
    write_packed_graph(read_weights(model), folder / GRAPH, label_metadata(taxonomy))
    files: dict[str, Path | bytes] = {
        GRAPH: folder / GRAPH,
        TOKENIZER: tiny.tokenizer_path,
        MODEL_CARD: b"# made up\n",
        **save_weights(model, folder),
    }
    manifest = tiny.manifest.model_copy(update={"golden": (), "precision": "packed-fp32"})
    return Bundle.write(folder / "bundle", manifest, files)


def _scores(bundle: Bundle, backend: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Pipeline(bundle, backend=backend) as pipeline:
        assert (backend == "torch") == pipeline.session.provider.startswith("PyTorch")
        return np.array([list(pipeline.classify(text).scores.values()) for text in TEXTS])


def test_both_backends_say_the_same(bundle: Bundle) -> None:
    np.testing.assert_allclose(_scores(bundle, "torch"), _scores(bundle, "onnx"), atol=MAX_EXPORT_CHANGE)


def test_a_bundle_without_weights_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no PyTorch weights: train with --keep-weights"):
        Pipeline(write_tiny_bundle(tmp_path / "bundle"), backend="torch")


def test_an_unknown_backend_is_named_with_those_there_are(bundle: Bundle) -> None:
    with pytest.raises(SessionError, match="no backend 'tpu', only onnx, torch"):
        Pipeline(bundle, backend="tpu")


def test_parity_of_a_bundle_is_judged(bundle: Bundle, tmp_path: Path) -> None:
    posts = tmp_path / "posts.csv"
    posts.write_text("text\n" + "\n".join(TEXTS) + "\n")
    ran = CliRunner().invoke(evaluate, ["parity", "--model", str(bundle.folder), "--posts", str(posts)])
    assert ran.exit_code == 0, ran.output
    assert "packed-fp32 against PyTorch on 4 posts of posts.csv" in ran.output


def test_a_graph_of_other_weights_fails_the_gate(bundle: Bundle, tmp_path: Path) -> None:
    taxonomy = Taxonomy.default()
    write_packed_graph(read_weights(classifier("distilbert")), tmp_path / GRAPH, label_metadata(taxonomy))
    files: dict[str, Path | bytes] = {name: bundle.folder / name for name in bundle.manifest.files}
    other = Bundle.write(tmp_path / "bundle", bundle.manifest, files | {GRAPH: tmp_path / GRAPH})
    posts = tmp_path / "posts.csv"
    posts.write_text("text\n" + "\n".join(TEXTS) + "\n")
    ran = CliRunner().invoke(evaluate, ["parity", "--model", str(other.folder), "--posts", str(posts)])
    assert ran.exit_code == 1
    assert "differs from the network" in ran.output
