"""From any trained network to a padded fp32 graph, traced by torch. Knows nothing of training or calibration."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch

from earshot.session import (
    CATEGORIES_KEY,
    CATEGORY_LOGITS,
    SECONDARY_LOGITS,
    URGENCIES_KEY,
    URGENCY_LOGITS,
    Logits,
    OnnxSession,
)
from earshot.taxonomy import Taxonomy
from training.collator import Ids
from training.model import PostClassifier


def output_names(taxonomy: Taxonomy) -> list[str]:
    """The graph's outputs, in the order in which the network gives them."""
    return [CATEGORY_LOGITS, SECONDARY_LOGITS, *([URGENCY_LOGITS] if taxonomy.urgencies else [])]


def export_fp32(model: PostClassifier, path: Path, taxonomy: Taxonomy, vocabulary: int) -> None:
    """Export the network as a padded fp32 graph that names its own labels.

    Args:
        model: Takes input ids and attention mask.
        path: Where to write the graph.
        taxonomy: The labels in the order of the outputs.
        vocabulary: Number of token ids, for the example that is traced.
    """
    model.eval()
    model.use_plain_attention()
    # It warns of every operator of torchvision that is not there, and nobody here needs one.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    example = torch.arange(24).remainder(vocabulary).reshape(2, 12)
    mask = torch.ones_like(example)
    mask[1, 7:] = 0
    posts, tokens = torch.export.Dim("posts"), torch.export.Dim("tokens", min=2, max=512)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            model,
            (example, mask),
            path,
            input_names=["input_ids", "attention_mask"],
            output_names=output_names(taxonomy),
            dynamic_shapes=({0: posts, 1: tokens}, {0: posts, 1: tokens}),
            external_data=False,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    write_labels(path, taxonomy)


def label_metadata(taxonomy: Taxonomy) -> dict[str, str]:
    """What a graph says of the order of its outputs, where no edit of a manifest reaches it."""
    return {CATEGORIES_KEY: json.dumps(taxonomy.category_names), URGENCIES_KEY: json.dumps(taxonomy.urgency_names)}


def write_labels(path: Path, taxonomy: Taxonomy) -> None:
    """Put the label order into the graph's metadata."""
    graph = onnx.load(path)
    # The exporter leaves shapes of before its own rewriting, which onnx's shape inference then trips over.
    del graph.graph.value_info[:]
    onnx.helper.set_model_props(graph, label_metadata(taxonomy))
    graph.producer_name = "earshot"
    onnx.save(graph, path)


def run_graph(graph: Path, ids: Sequence[Ids]) -> Logits:
    """Run posts through a graph exactly as it is served."""
    session = OnnxSession(graph)
    try:
        return session.run(ids)
    finally:
        session.close()
