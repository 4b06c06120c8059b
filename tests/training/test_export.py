from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earshot.parity import ParityError
from earshot.session import Ids, Logits
from earshot.taxonomy import Taxonomy
from tests.training.networks import VOCABULARY, classifier, logits_of
from training.config import ExportConfig
from training.export import Exported, export
from training.model import PostClassifier

_POSTS = np.random.default_rng(0)
POSTS: list[Ids] = [_POSTS.integers(5, VOCABULARY, size=size) for size in range(2, 40)]


def _export(model: PostClassifier, network: Logits, work: Path, *, precision: str) -> Exported:
    return export(
        model,
        Taxonomy.default(),
        ExportConfig.model_validate({"precision": precision}),
        work,
        typical=POSTS,
        checked=POSTS,
        network=network,
        vocabulary=VOCABULARY,
        say=pytest.fail,
    )


def test_a_graph_that_says_what_the_network_says_is_written(tmp_path: Path) -> None:
    model = classifier("bert")
    network = logits_of(model, POSTS)
    exported = _export(model, network, tmp_path, precision="fp32")
    assert exported.graph.is_file()
    np.testing.assert_allclose(exported.logits.category, network.category, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_graph_of_another_network_is_refused_with_what_to_do(tmp_path: Path, precision: str) -> None:
    others = logits_of(classifier("distilbert"), POSTS)
    with pytest.raises(ParityError, match=r"differs from the network .*; no bundle was written: try another torch"):
        _export(classifier("bert"), others, tmp_path, precision=precision)
