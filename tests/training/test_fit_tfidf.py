from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from earshot.records import Row
from earshot.session import CATEGORY_LOGITS
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.dataset import Dataset
from training.export_onnx import run_graph, write_labels
from training.fit_tfidf import _ngrams, fit_tfidf, save_graph, train_word_tokenizer

TAXONOMY = Taxonomy.default()


def test_the_graph_computes_what_scikit_learn_computes(authored_rows: list[Row], tmp_path: Path) -> None:
    texts = [str(row["text"]) for row in authored_rows]
    names = TAXONOMY.category_names
    data = Dataset(
        texts=texts,
        category=np.array([names.index(str(row["category"])) for row in authored_rows]),
        passing=np.eye(len(names), dtype=np.float32)[[names.index(str(row["category"])) for row in authored_rows]],
        urgency=np.array([TAXONOMY.urgency_names.index(str(row["urgency"])) for row in authored_rows]),
        ambiguous=np.zeros(len(texts), bool),
    )
    tokenizer = Tokenizer(train_word_tokenizer(texts), max_tokens=512, max_characters=4000)
    ids = [encoding.ids for encoding in tokenizer.encode(texts)]
    path = tmp_path / "tfidf.onnx"
    save_graph(fit_tfidf(ids, data, TAXONOMY, seed=0), path)
    write_labels(path, TAXONOMY)

    vectorizer = TfidfVectorizer(analyzer=_ngrams, max_features=60_000, min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(ids)
    model = LogisticRegression(C=4.0, max_iter=1000, random_state=0).fit(features, data.category)
    logits = run_graph(path, ids)
    assert logits.category == pytest.approx(model.decision_function(features), abs=1e-3)
    assert logits.urgency is not None
    assert logits.urgency.shape == (len(texts), 3)


def test_a_category_without_posts_is_never_predicted(tmp_path: Path) -> None:
    texts = ["love it all day", "love it", "crashes all day", "it crashes"]
    category = np.array([3, 3, 0, 0])
    data = Dataset(texts, category, np.eye(6, dtype=np.float32)[category], np.array([0, 0, 1, 1]), np.zeros(4, bool))
    tokenizer = Tokenizer(train_word_tokenizer(texts), max_tokens=64, max_characters=4000)
    ids = [encoding.ids for encoding in tokenizer.encode(texts)]
    path = tmp_path / "tfidf.onnx"
    save_graph(fit_tfidf(ids, data, TAXONOMY, seed=0), path)
    logits = run_graph(path, ids)
    assert logits.category.argmax(axis=1).tolist() == category.tolist(), CATEGORY_LOGITS
    assert logits.category[:, [1, 2, 4, 5]].max() < logits.category.max(axis=1).min() - 20
