"""Complaint tweets: does a tweet complain? (Preoţiuc-Pietro et al. 2019, arXiv 1906.03890).

There is no official test part: the papers cross-validate over ten folds, hyper-parameters chosen within each fold's
training part. Evaluation only: no other model is trained on these tweets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from training.recipes.recipe import BenchmarkPost, Parts, Published, Recipe, UpstreamFile

_CATEGORIES = {"0": "none", "1": "complaint"}


def read(contents: Sequence[bytes]) -> Parts:
    """Read `complaints-data.csv`: no header; tweet id, text, label, domain."""
    (content,) = contents
    rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    return {"train": [BenchmarkPost(text, _CATEGORIES[label]) for _, text, label, _ in rows]}


RECIPE = Recipe(
    name="complaint_tweets",
    title="Complaint tweets",
    split="stratified 10-fold cross-validation, mean over the folds; in each, a tenth of the training part validates",
    licence="none stated",
    files=(
        UpstreamFile(
            "benchmarks/complaint_tweets/complaints-data.csv",
            "ae687761af2ba2785ee4b92fe50dd14a0f12e0b4c7397c931b7fbd468cbf63ef",
        ),
    ),
    read=read,
    metrics=("macro_f1", "accuracy"),
    published=(
        Published("distant supervision, Preoţiuc-Pietro et al. 2019", {"macro_f1": 0.79}),
        Published("BERT and emotions, Jin & Aletras 2020", {"macro_f1": 0.87}),
        Published("multi-task, Jin & Aletras 2021", {"macro_f1": 0.882}),
    ),
    out_of_scope="none",
    folds=10,
    examples={
        "complaint": ("third week without a working lift, and nobody answers your phone",),
        "none": ("does your shop by the river open on Sundays?",),
    },
)
