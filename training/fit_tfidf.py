"""The baseline: TF-IDF over words and word pairs with logistic regression, as the same kind of bundle.

It is exported to standard ONNX operators and judged, served and calibrated like the transformer, so that a reader
sees what the transformer buys. Knows nothing of torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers
from tqdm import tqdm

from earshot.session import CATEGORY_LOGITS, SECONDARY_LOGITS, URGENCY_LOGITS
from earshot.taxonomy import Taxonomy
from training.collator import Ids
from training.dataset import Dataset

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_MAX_WORDS = 30_000
_MAX_FEATURES = 60_000
_MIN_POSTS = 2
_REGULARIZATION = 4.0
_NEVER = -30.0
"""Logit of a category that no post has."""

Weights = npt.NDArray[np.float64]


def train_word_tokenizer(texts: Sequence[str]) -> str:
    """Build a word-level tokenizer from the training texts.

    Returns:
        The content of a `tokenizer.json`.
    """
    raw = RawTokenizer(models.WordLevel(unk_token="[UNK]"))  # noqa: S106 (a token, not a secret)
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.train_from_iterator(
        texts,
        trainers.WordLevelTrainer(
            vocab_size=_MAX_WORDS, min_frequency=_MIN_POSTS, special_tokens=_SPECIAL, show_progress=False
        ),
    )
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, raw.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    )
    return str(raw.to_str())


def fit_tfidf(ids: Sequence[Ids], data: Dataset, taxonomy: Taxonomy, seed: int) -> onnx.ModelProto:
    """Fit the baseline and give it as a graph with the same outputs as the transformer's.

    Args:
        ids: Token ids of each training post.
        data: The training posts, in the same order.
        taxonomy: The labels.
        seed: Of the solver.
    """
    vectorizer = TfidfVectorizer(
        analyzer=_ngrams, max_features=_MAX_FEATURES, min_df=_MIN_POSTS, sublinear_tf=True, dtype=np.float64
    )
    features = vectorizer.fit_transform(ids)
    fits = _logistic_regressions(features, data, taxonomy, seed)
    return _graph(vectorizer, fits)


def _ngrams(ids: Ids) -> list[tuple[int, ...]]:
    words = [int(word) for word in ids]
    return [(word,) for word in words] + list(pairwise(words))


def _logistic_regressions(
    features: Any,  # noqa: ANN401 (a scipy sparse matrix, which has no annotations)
    data: Dataset,
    taxonomy: Taxonomy,
    seed: int,
) -> dict[str, tuple[Weights, Weights]]:
    """Fit every head; weights `[features, outputs]` and biases `[outputs]`."""
    categories, levels = len(taxonomy.categories), len(taxonomy.urgencies)
    bar = tqdm(total=1 + categories + max(0, levels - 1), desc="logistic regressions", unit="fit", disable=None)
    fits: dict[str, tuple[Weights, Weights]] = {}
    model = LogisticRegression(C=_REGULARIZATION, max_iter=1000, random_state=seed).fit(features, data.category)
    fits[CATEGORY_LOGITS] = _spread(model, categories)
    bar.update()

    def binary(rows: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> tuple[Weights, Weights]:
        bar.update()
        asked = truth[rows]
        if asked.all() or not asked.any():  # nothing to tell apart
            certain = -_NEVER if len(asked) and asked.all() else _NEVER
            return np.zeros(features.shape[1]), np.array(certain)
        fit = LogisticRegression(C=_REGULARIZATION, max_iter=1000, random_state=seed).fit(features[rows], asked)
        return fit.coef_[0], fit.intercept_[0]

    everyone = np.ones(len(data), bool)
    secondary = [binary(everyone, data.passing[:, index] > 0) for index in range(categories)]
    fits[SECONDARY_LOGITS] = _stack(secondary)
    if levels:
        urgency = [binary(data.urgency >= level, data.urgency > level) for level in range(levels - 1)]
        fits[URGENCY_LOGITS] = _stack(urgency)
    bar.close()
    return fits


def _stack(fits: Sequence[tuple[Weights, Weights]]) -> tuple[Weights, Weights]:
    return np.stack([weights for weights, _ in fits], axis=1), np.array([float(bias) for _, bias in fits])


def _spread(model: LogisticRegression, categories: int) -> tuple[Weights, Weights]:
    """Weights for all categories of the taxonomy, also those that no training post has."""
    weights = np.zeros((model.coef_.shape[1], categories))
    biases = np.full(categories, _NEVER)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercepts, intercepts] / 2
    weights[:, model.classes_] = coefficients.T
    biases[model.classes_] = intercepts
    return weights, biases


def _graph(vectorizer: TfidfVectorizer, fits: dict[str, tuple[Weights, Weights]]) -> onnx.ModelProto:
    """Token ids → n-gram counts → (1 + log count) · idf → unit length → a product per head."""
    vocabulary: dict[tuple[int, ...], int] = vectorizer.vocabulary_
    singles = [(ngram, column) for ngram, column in vocabulary.items() if len(ngram) == 1]
    pairs = [(ngram, column) for ngram, column in vocabulary.items() if len(ngram) == 2]
    constants: dict[str, npt.NDArray[Any]] = {
        "one": np.array(1.0, np.float32),
        "tiny": np.array(1e-12, np.float32),
        "axes": np.array([1], np.int64),
        "idf": np.asarray(vectorizer.idf_, np.float32),
    }
    nodes = [
        helper.make_node(
            "TfIdfVectorizer",
            ["input_ids"],
            ["counts"],
            mode="TF",
            min_gram_length=1,
            max_gram_length=2,
            max_skip_count=0,
            ngram_counts=[0, len(singles)],
            ngram_indexes=[column for _, column in (*singles, *pairs)],
            pool_int64s=[word for ngram, _ in (*singles, *pairs) for word in ngram],
        ),
        helper.make_node("Min", ["counts", "one"], ["present"]),
        helper.make_node("Max", ["counts", "one"], ["at_least_one"]),
        helper.make_node("Log", ["at_least_one"], ["log_counts"]),
        helper.make_node("Add", ["log_counts", "present"], ["sublinear"]),
        helper.make_node("Mul", ["sublinear", "idf"], ["weighted"]),
        helper.make_node("ReduceL2", ["weighted", "axes"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["nonzero_length"]),
        helper.make_node("Div", ["weighted", "nonzero_length"], ["features"]),
    ]
    outputs = []
    for output, (weights, biases) in fits.items():
        constants[f"{output}.weight"] = weights.astype(np.float32)
        constants[f"{output}.bias"] = biases.astype(np.float32)
        nodes.append(helper.make_node("Gemm", ["features", f"{output}.weight", f"{output}.bias"], [output]))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["posts", weights.shape[1]]))
    graph = helper.make_graph(
        nodes,
        "tfidf",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["posts", "tokens"])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def save_graph(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph."""
    onnx.save(model, path)
