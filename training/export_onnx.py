"""From the trained network to the ONNX graph that is served, with the proof that both compute the same.

Knows nothing of training or calibration.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch

from earshot.calibration import ordinal, softmax
from earshot.errors import EarshotError
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

EXPORT_TOLERANCE = 1e-4
"""Largest difference in any probability between the network in PyTorch and its fp32 graph."""


class ParityError(EarshotError):
    """The exported graph does not compute what the trained network computes; no bundle is written."""


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


def write_labels(path: Path, taxonomy: Taxonomy) -> None:
    """Put the label order into the graph's metadata, where no edit of a manifest reaches it."""
    graph = onnx.load(path)
    # The exporter leaves shapes of before its own rewriting, which onnx's shape inference then trips over.
    del graph.graph.value_info[:]
    onnx.helper.set_model_props(
        graph,
        {
            CATEGORIES_KEY: json.dumps(taxonomy.category_names),
            URGENCIES_KEY: json.dumps(taxonomy.urgency_names),
        },
    )
    graph.producer_name = "earshot"
    onnx.save(graph, path)


def run_graph(graph: Path, ids: Sequence[Ids]) -> Logits:
    """Run posts through a graph exactly as it is served."""
    session = OnnxSession(graph)
    try:
        return session.run(ids)
    finally:
        session.close()


def probability_difference(one: Logits, other: Logits) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The largest difference of each post's category and urgency probabilities, `[posts]`."""
    difference = np.abs(softmax(one.category) - softmax(other.category)).max(axis=1)
    if one.urgency is not None and other.urgency is not None:
        difference = np.maximum(difference, np.abs(ordinal(one.urgency) - ordinal(other.urgency)).max(axis=1))
    return np.asarray(difference)


def check_export(network: Logits, exported: Logits) -> float:
    """Compare the network with its fp32 graph.

    Args:
        network: From PyTorch, in float32.
        exported: From the fp32 graph, of the same posts.

    Returns:
        The largest difference in any probability.

    Raises:
        ParityError: It exceeds `EXPORT_TOLERANCE`.
    """
    difference = float(probability_difference(network, exported).max())
    if not difference <= EXPORT_TOLERANCE:
        raise ParityError(
            f"the exported graph differs from the network by {difference:.2e} in probability, allowed are "
            f"{EXPORT_TOLERANCE:.0e}: no bundle was written; try another torch or onnxscript version"
        )
    return difference


def quantization_figures(exported: Logits, quantized: Logits) -> dict[str, float]:
    """How much quantization changes: share of flipped categories, 99th percentile and maximum of the score change."""
    difference = probability_difference(exported, quantized)
    flips = exported.category.argmax(axis=1) != quantized.category.argmax(axis=1)
    return {
        "int8_category_flips": float(flips.mean()),
        "int8_score_change_p99": float(np.quantile(difference, 0.99)),
        "int8_score_change_max": float(difference.max()),
    }
