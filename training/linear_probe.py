"""A linear classifier on the vectors of an encoder that is not yet fine-tuned: where a head can start from.

Fine-tuning from a random head first bends the encoder's features towards whatever that head asks for; from a probe it
only improves on them (Kumar et al. 2022, arXiv 2202.10054). Knows nothing of encoders.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

Floats = npt.NDArray[np.float32]

_REGULARIZATION = 0.1
_MAX_ITERATIONS = 100
_UNSEEN = -10.0
"""Bias of a category without posts."""


def fit_probe(
    vectors: Floats, category: npt.NDArray[np.int64], weight: Floats, categories: int
) -> tuple[Floats, Floats]:
    """Fit a multinomial logistic regression.

    Args:
        vectors: `[posts, width]`.
        category: `[posts]`, at least two different ones.
        weight: `[posts]`, how much each post counts.
        categories: How many there are, whether or not they occur.

    Returns:
        Weights `[categories, width]` and biases `[categories]` of the logits.
    """
    scale = 1 / max(float(vectors.std()), 1e-12)  # so that the regularization means the same for every encoder
    model = LogisticRegression(C=_REGULARIZATION, max_iter=_MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not be the optimum
        model.fit(vectors * scale, category, sample_weight=weight)
    coefficients, intercepts = model.coef_ * scale, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.r_[-intercepts, intercepts] / 2
    weights = np.zeros((categories, vectors.shape[1]), np.float32)
    biases = np.full(categories, _UNSEEN, np.float32)
    weights[model.classes_], biases[model.classes_] = coefficients, intercepts
    return weights, biases
