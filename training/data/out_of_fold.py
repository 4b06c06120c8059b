"""Probabilities that a model gives posts it was not trained on: TF-IDF with logistic regression, cross-validated.

Near-duplicates stay in one fold, or the model would know the answer to a copy. Knows nothing of what labels mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

_MAX_FEATURES = 40_000
_MIN_POSTS = 3
_REGULARIZATION = 4.0
# Ten times looser than the default: on 28,000 posts half the time for the same macro-F1 (0.70).
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the cross-validated model says.

    Attributes:
        probabilities: `[posts, classes]`, each row by a model that did not see the post.
        macro_f1: Of the most probable class against the given one.
        accuracy: Likewise.
        folds: In how many parts.
    """

    probabilities: npt.NDArray[np.float64]
    macro_f1: float
    accuracy: float
    folds: int


def features(texts: Sequence[str]) -> Any:  # noqa: ANN401 (a scipy sparse matrix, which has no annotations)
    """Words and word pairs, weighted; over all posts at once, since what is counted are words and not labels."""
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=min(_MIN_POSTS, len(texts)),
        max_features=_MAX_FEATURES,
        sublinear_tf=True,
        dtype=np.float32,
        token_pattern=r"(?u)\w+|[^\w\s]",  # noqa: S106 (a pattern, not a secret)
    )
    return vectorizer.fit_transform(texts)


def cross_validate(
    matrix: Any,  # noqa: ANN401 (as above)
    given: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    *,
    folds: int,
    seed: int,
    name: str,
) -> OutOfFold:
    """Score every post by a model that saw neither it nor its near-duplicates.

    Args:
        matrix: `[posts, features]`.
        given: `[posts]`, the given class of each, from 0 without gaps.
        groups: `[posts]`, the near-duplicate group of each.
        folds: In how many parts; fewer where a class has fewer groups.
        seed: Of the parts.
        name: For the progress bar.
    """
    classes = int(given.max()) + 1
    parts = min(folds, min(len(np.unique(groups[given == index])) for index in range(classes)))
    probabilities = np.zeros((len(given), classes))
    splits = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed).split(matrix, given, groups)
    for train, test in tqdm(splits, total=parts, desc=name, unit="fold", leave=False, disable=None):
        model = LogisticRegression(C=_REGULARIZATION, max_iter=300, tol=_TOLERANCE, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the scores are a hint for a person either way
            model.fit(matrix[train], given[train])
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(matrix[test])
    said = probabilities.argmax(axis=1)
    return OutOfFold(
        probabilities,
        macro_f1=float(f1_score(given, said, average="macro")),
        accuracy=float(accuracy_score(given, said)),
        folds=parts,
    )
