"""From the trained network to the graph that is served, and the proof that it says the same; else there is none.

An encoder of the BERT family becomes a packed graph (`training/packed_graph.py`), in int8 or fp32. Any other becomes a
padded one, traced by torch, which the session runs post by post. Knows nothing of labels' meaning or thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from earshot.calibration import Calibration
from earshot.parity import ParityError, check_company, company_change, difference, score_change
from earshot.session import CATEGORY_LOGITS, SECONDARY_LOGITS, URGENCY_LOGITS, Ids, Logits, OnnxSession
from earshot.taxonomy import Taxonomy
from training.config import ExportConfig
from training.encoder_weights import UnsupportedEncoderError, encoder_weights
from training.export_onnx import export_fp32, label_metadata, run_graph
from training.model import PostClassifier
from training.network import EncoderWeights
from training.packed_graph import write_packed_graph
from training.packed_int8 import Place, places, rounded_twice, to_int8
from training.quantize import quantize_rowwise

Precision = Literal["fp32", "int8-rowwise", "packed-fp32", "packed-int8"]

_COMPANY_POSTS = 256
_SENSITIVITY_POSTS = 128
_ROUNDED_TWICE = (0, 2, 4, 6, 8, 12)
"""What enters so many products is rounded twice, the most sensitive first, until int8 is close enough to fp32; last,
all."""
_PLAIN = Calibration()


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph that may be served.

    Attributes:
        graph: The file.
        precision: What the manifest calls it.
        logits: What it says of the posts that it was checked on.
        parity: How far it lies from the network, and posts' scores in company from those alone.
    """

    graph: Path
    precision: Precision
    logits: Logits
    parity: dict[str, float]


def export(
    model: PostClassifier,
    taxonomy: Taxonomy,
    config: ExportConfig,
    work: Path,
    *,
    typical: Sequence[Ids],
    checked: Sequence[Ids],
    network: Logits,
    vocabulary: int,
    say: Callable[[str], None],
) -> Exported:
    """Export a network.

    Args:
        model: The network.
        taxonomy: Its labels.
        config: What is asked for.
        work: The folder to write to.
        typical: Token ids of posts that int8 is fitted to.
        checked: Token ids of other posts, that the graphs are compared on.
        network: What the network says of `checked`, in float32.
        vocabulary: Number of token ids.
        say: Told of a fallback.

    Raises:
        ParityError: A graph differs too much from the network.
    """
    try:
        weights = read_weights(model)
    except UnsupportedEncoderError as reason:
        say(f"padded graph, which runs posts one by one: {reason}")
        weights = None
    try:
        if weights is None:
            return _padded(model, taxonomy, config, work, checked, network, vocabulary, say)
        return _packed(weights, taxonomy, config, work, typical, checked, network, say)
    except ParityError as error:
        raise ParityError(error.found, f"no bundle was written: {error.advice}") from error


def read_weights(model: PostClassifier) -> EncoderWeights:
    """The network's weights in one layout.

    Raises:
        UnsupportedEncoderError: Its encoder is not of the BERT family.
    """
    heads = {CATEGORY_LOGITS: model.category, SECONDARY_LOGITS: model.secondary}
    if model.urgency is not None:
        heads[URGENCY_LOGITS] = model.urgency
    return encoder_weights(model.encoder, model.pooling, heads)


def _packed(
    weights: EncoderWeights,
    taxonomy: Taxonomy,
    config: ExportConfig,
    work: Path,
    typical: Sequence[Ids],
    checked: Sequence[Ids],
    network: Logits,
    say: Callable[[str], None],
) -> Exported:
    fp32, int8, labels = work / "fp32.onnx", work / "int8.onnx", label_metadata(taxonomy)
    write_packed_graph(weights, fp32, labels)
    exact, parity = _exact(fp32, checked, network)
    if config.precision == "fp32":
        return Exported(fp32, "packed-fp32", exact, parity | _in_company(fp32, checked))
    rounded = to_int8(weights, typical)
    products, order = len(places(rounded)), list[Place]()
    for count in (*(count for count in _ROUNDED_TWICE if count < products), products):
        if count and not order:
            order = _most_sensitive_first(rounded, typical[:_SENSITIVITY_POSTS], work)
        write_packed_graph(rounded_twice(rounded, order[:count]), int8, labels)
        try:
            exported = _in_int8(int8, "packed-int8", checked, exact, parity)
        except ParityError as error:
            if count == products:
                raise
            say(f"with {count} of {products} products rounded twice, {error.found}: rounding more of them twice")
        else:
            return replace(exported, parity=exported.parity | {"products_rounded_twice": float(count)})
    raise AssertionError("the last try returns or raises")


def _most_sensitive_first(rounded: EncoderWeights, ids: Sequence[Ids], work: Path) -> list[Place]:
    """Products by how far scores move (root of the mean square) when they alone are rounded once, all others twice."""
    graph, everything = work / "sensitivity.onnx", places(rounded)
    write_packed_graph(rounded_twice(rounded, everything), graph, {})
    fine = _PLAIN.apply(run_graph(graph, ids))
    moved: dict[Place, float] = {}
    for place in everything:
        others = [other for other in everything if other != place]
        write_packed_graph(rounded_twice(rounded, others), graph, {})
        moved[place] = float(np.sqrt(np.mean(score_change(fine, _PLAIN.apply(run_graph(graph, ids))) ** 2)))
    return sorted(everything, key=moved.__getitem__, reverse=True)


def _padded(
    model: PostClassifier,
    taxonomy: Taxonomy,
    config: ExportConfig,
    work: Path,
    checked: Sequence[Ids],
    network: Logits,
    vocabulary: int,
    say: Callable[[str], None],
) -> Exported:
    fp32, int8 = work / "fp32.onnx", work / "int8.onnx"
    export_fp32(model, fp32, taxonomy, vocabulary)
    exact, parity = _exact(fp32, checked, network)
    if config.precision == "int8":
        quantize_rowwise(fp32, int8, weight_bits=config.weight_bits)
        try:
            return _in_int8(int8, "int8-rowwise", checked, exact, parity)
        except ParityError as error:
            say(f"the padded graph stays in fp32: {error.found}")
    return Exported(fp32, "fp32", exact, parity | _in_company(fp32, checked))


def _exact(graph: Path, checked: Sequence[Ids], network: Logits) -> tuple[Logits, dict[str, float]]:
    exact = run_graph(graph, checked)
    found = difference(_PLAIN.apply(network), _PLAIN.apply(exact))
    found.check_export()
    return exact, {"parity_posts": float(found.posts), "export_probability_change_max": found.largest}


def _in_int8(
    graph: Path, precision: Precision, checked: Sequence[Ids], exact: Logits, parity: dict[str, float]
) -> Exported:
    logits = run_graph(graph, checked)
    found = difference(_PLAIN.apply(exact), _PLAIN.apply(logits))
    found.check_int8()
    figures = {
        "int8_category_flips": found.flipped,
        "int8_score_change_p99": found.p99,
        "int8_score_change_max": found.largest,
    }
    return Exported(graph, precision, logits, parity | figures | _in_company(graph, checked))


def _in_company(graph: Path, checked: Sequence[Ids]) -> dict[str, float]:
    session = OnnxSession(graph)
    try:
        change = company_change(
            lambda rows: _PLAIN.apply(session.run([checked[row] for row in rows])), min(len(checked), _COMPANY_POSTS)
        )
    finally:
        session.close()
    check_company(change)
    return {"company_score_change_max": change}
