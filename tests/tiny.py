"""A real bundle small enough to build in milliseconds: a bag of keywords as a real ONNX graph and tokenizer.

A post's category is the one whose keyword it holds (see `KEYWORDS`); every `!`-free word in `URGENT` raises
the urgency. Scores are certain enough to assert on, and the whole real loading path is exercised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from earshot.bundle import (
    GRAPH,
    MODEL_CARD,
    TOKENIZER,
    BaseModelInfo,
    Bundle,
    Golden,
    Limits,
    Manifest,
    TrainingInfo,
)
from earshot.calibration import Calibration
from earshot.decision import Thresholds
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction
from earshot.session import CATEGORIES_KEY, URGENCIES_KEY
from earshot.taxonomy import Taxonomy

KEYWORDS = {
    "crashes": "complaint",
    "add": "feature-request",
    "refund": "billing",
    "love": "praise",
    "leaked": "leak",
    "lunch": "none",
}
URGENT = {"today": 1, "blocked": 2, "stolen": 3}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_VOCABULARY = (*_SPECIAL, *KEYWORDS, *URGENT)
_STRENGTH = 6.0


def tiny_tokenizer() -> str:
    """The content of a word-level `tokenizer.json`."""
    raw = Tokenizer(models.WordLevel({word: index for index, word in enumerate(_VOCABULARY)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, _VOCABULARY.index(name)) for name in ("[CLS]", "[SEP]")],
    )
    return str(raw.to_str())


def tiny_graph(taxonomy: Taxonomy, labels: Mapping[str, tuple[str, ...]] | None = None) -> bytes:
    """A graph that sums a row of weights per token; `labels` overrides the label order in its metadata."""
    categories, levels = taxonomy.category_names, taxonomy.urgency_names
    category = np.zeros((len(_VOCABULARY), len(categories)), np.float32)
    for word, name in KEYWORDS.items():
        if name in categories:
            category[_VOCABULARY.index(word), categories.index(name)] = _STRENGTH
    weights = {"category_logits": category, "secondary_logits": category}
    biases = {"secondary_logits": np.float32(-_STRENGTH / 2)}
    if levels:
        urgency = np.zeros((len(_VOCABULARY), len(levels) - 1), np.float32)
        for word, level in URGENT.items():
            urgency[_VOCABULARY.index(word), :level] = 2 * _STRENGTH
        weights["urgency_logits"] = urgency
        biases["urgency_logits"] = np.float32(-_STRENGTH)
    nodes, initializers, outputs = [], [numpy_helper.from_array(np.array([1], np.int64), "axes")], []
    for output, weight in weights.items():
        initializers.append(numpy_helper.from_array(weight, f"{output}.weight"))
        initializers.append(numpy_helper.from_array(np.array(biases.get(output, 0.0), np.float32), f"{output}.bias"))
        nodes += [
            helper.make_node("Gather", [f"{output}.weight", "input_ids"], [f"{output}.rows"]),
            helper.make_node("ReduceSum", [f"{output}.rows", "axes"], [f"{output}.sum"], keepdims=0),
            helper.make_node("Add", [f"{output}.sum", f"{output}.bias"], [output]),
        ]
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["posts", weight.shape[1]]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["posts", "tokens"])],
        outputs,
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    said = {"categories": categories, "urgencies": levels} | dict(labels or {})
    helper.set_model_props(
        model,
        {CATEGORIES_KEY: json.dumps(said["categories"]), URGENCIES_KEY: json.dumps(said["urgencies"])},
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_tiny_bundle(
    folder: Path,
    *,
    taxonomy: Taxonomy | None = None,
    version: str = "1",
    thresholds: Thresholds | None = None,
    max_tokens: int = 32,
    labels: Mapping[str, tuple[str, ...]] | None = None,
) -> Bundle:
    """Write the tiny bundle, with golden predictions of its own."""
    taxonomy = taxonomy or Taxonomy.default()
    manifest = Manifest(
        name="tiny",
        version=version,
        created_at="2026-01-01T00:00:00Z",
        architecture="encoder",
        precision="fp32",
        taxonomy=taxonomy,
        base_model=BaseModelInfo(id="keywords", licence="Apache-2.0"),
        limits=Limits(max_tokens=max_tokens, max_characters=2000),
        calibration=Calibration(),
        thresholds=thresholds or Thresholds(),
        golden=(),
        training=TrainingInfo(data=(), seed=0, config={}, validation={}, parity={}, packages={}, command="tests"),
        files={},
    )
    files = {
        GRAPH: tiny_graph(taxonomy, labels),
        TOKENIZER: tiny_tokenizer().encode(),
        MODEL_CARD: b"# tiny\n",
    }
    bundle = Bundle.write(folder, manifest, files)
    if labels is not None:
        return bundle
    texts = ["I want a refund today", "it leaked"]
    pipeline = Pipeline(bundle, threads=1)
    predictions = [
        result for result in pipeline.predict([Post(text) for text in texts]) if isinstance(result, Prediction)
    ]
    pipeline.close()
    golden = tuple(
        Golden(
            text=text,
            scores=tuple(prediction.scores.values()),
            urgency_scores=tuple(prediction.urgency_scores.values()),
        )
        for text, prediction in zip(texts, predictions, strict=True)
    )
    return Bundle.write(folder, bundle.manifest.model_copy(update={"golden": golden}), files)
