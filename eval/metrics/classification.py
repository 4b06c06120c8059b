"""Right or wrong label: accuracy, precision, recall, F1 per label, macro-F1, and the confusion matrix.

Labels are indices here; the index one past the last stands for "no label", given by a model that rejected the post:
wrong, whatever the gold label. A negative gold index stands for a post without a gold label: not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from sklearn import metrics as sklearn_metrics

from eval.metrics.family import Definition, Family, Floats, Ints, Measured, one_hot, ratio

DEFINITIONS = {
    "accuracy": Definition("accuracy", "Share of posts whose category is the gold one."),
    "macro_f1": Definition(
        "macro-F1",
        "Mean of the categories' F1, each category weighing the same, over the categories that occur among the "
        "slice's gold labels or predictions.",
    ),
    "precision": Definition("precision", "Of the posts predicted as the category, the share that belongs there."),
    "recall": Definition("recall", "Of the posts that belong to the category, the share that is predicted so."),
    "f1": Definition(
        "F1",
        "Harmonic mean of precision and recall: 2 · hits / (gold + predicted). Undefined, and absent, for a category "
        "that is neither gold nor predicted.",
    ),
}


def classification(gold: Ints, predicted: Ints, labels: Sequence[str], *, prefix: str = "") -> Family:
    """Figures on a set of labels.

    Args:
        gold: `[posts]`, label indices; negative without a gold label.
        predicted: `[posts]`, label indices; `len(labels)` for no label.
        labels: The labels' names.
        prefix: Put before each metric's name, such as `urgency_`.

    Returns:
        `accuracy`, `macro_f1`, and `precision[label]`, `recall[label]`, `f1[label]` of each label.
    """
    counted = gold >= 0
    predicted = np.where(counted, predicted, -1)
    hits = np.where(predicted == gold, gold, -1)
    parts = [one_hot(indices, len(labels)) for indices in (hits, predicted, gold)]
    return Family(np.concatenate(parts, axis=1), partial(_figures, labels=tuple(labels), prefix=prefix))


def _figures(totals: Floats, *, labels: tuple[str, ...], prefix: str) -> dict[str, Measured]:
    hits, predicted, gold = np.split(totals, 3, axis=-1)
    posts = gold.sum(axis=-1)
    f1 = ratio(2 * hits, gold + predicted)
    defined = ~np.isnan(f1)
    figures = {
        "accuracy": Measured(ratio(hits.sum(axis=-1), posts), posts),
        "macro_f1": Measured(ratio(np.where(defined, f1, 0).sum(axis=-1), defined.sum(axis=-1)), posts),
    }
    columns = {
        "precision": Measured(ratio(hits, predicted), predicted),
        "recall": Measured(ratio(hits, gold), gold),
        "f1": Measured(f1, gold + predicted - hits),
    }
    for index, label in enumerate(labels):
        for metric, column in columns.items():
            figures[f"{metric}[{label}]"] = Measured(column.value[..., index], column.n[..., index])
    return {prefix + metric: figure for metric, figure in figures.items()}


def confusion_matrix(gold: Ints, predicted: Ints, size: int) -> Ints:
    """Count which label was predicted for which.

    Args:
        gold: `[posts]`, label indices; negative without a gold label.
        predicted: `[posts]`, label indices; `size` for no label.
        size: Number of labels.

    Returns:
        `[size, size + 1]`: rows gold, columns predicted, the last column no label.
    """
    counted = gold >= 0
    if not counted.any():
        return np.zeros((size, size + 1), dtype=np.int64)
    counts = sklearn_metrics.confusion_matrix(gold[counted], predicted[counted], labels=np.arange(size + 1))
    return np.asarray(counts[:size], dtype=np.int64)
