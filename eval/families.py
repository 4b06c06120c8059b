"""Which metric families a set of posts gets. Knows nothing of slices, resampling or files."""

from __future__ import annotations

import numpy as np

from earshot.taxonomy import Taxonomy
from eval.metrics import URGENCY
from eval.metrics.calibration_error import calibration_error
from eval.metrics.classification import classification
from eval.metrics.family import Family, Figures, Floats
from eval.metrics.ordinal import ordinal
from eval.metrics.ranking import ranking
from eval.metrics.scope import scope
from eval.metrics.secondary import secondary
from eval.metrics.selective import area_under_risk_coverage, selective
from eval.metrics.triage import triage
from eval.samples import SampleArrays


def all_families(arrays: SampleArrays, taxonomy: Taxonomy) -> list[Figures]:
    """Everything that is known about posts: the sums and the ranks."""
    return [
        *sum_families(arrays, taxonomy),
        area_under_risk_coverage(arrays.predicted_category != arrays.category, confidence(arrays)),
        ranking(arrays.category, arrays.scores, taxonomy.category_names),
    ]


def sum_families(arrays: SampleArrays, taxonomy: Taxonomy) -> list[Family]:
    """The figures that are functions of sums over posts."""
    category, predicted = arrays.category, arrays.predicted_category
    families = [classification(category, predicted, taxonomy.category_names)]
    if taxonomy.out_of_scope is not None:
        families.append(scope(category, predicted, taxonomy.category_names.index(taxonomy.out_of_scope)))
    if (arrays.urgency >= 0).any():
        levels = taxonomy.urgency_names
        families += [
            classification(arrays.urgency, arrays.predicted_urgency, levels, prefix=URGENCY),
            ordinal(arrays.urgency, arrays.predicted_urgency, len(levels), prefix=URGENCY),
            triage(arrays.urgency, arrays.predicted_urgency, len(levels), prefix=URGENCY),
        ]
    if arrays.secondary.any():
        answered = predicted < len(taxonomy.category_names)
        families.append(secondary(arrays.secondary, arrays.predicted_secondary, answered))
    return [
        *families,
        calibration_error(category, predicted, arrays.scores),
        selective(predicted != category, arrays.unsure),
    ]


def confidence(arrays: SampleArrays) -> Floats:
    """`[posts]`, the predicted category's score; -1 where the model rejected the post."""
    posts, categories = arrays.scores.shape
    scored = arrays.predicted_category < categories
    own = arrays.scores[np.arange(posts), np.where(scored, arrays.predicted_category, 0)]
    return np.where(scored, own, -1.0)
