"""Evaluation folders as `earshot eval run` writes them, from predictions made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from earshot.post import Result
from earshot.records import LabelledPost
from earshot.taxonomy import Taxonomy
from eval.evaluation import Resampling, judge
from eval.gates import judge_gates
from eval.output_folder import write_output
from eval.results import PREDICTIONS, RESULTS, DataInfo, EvaluationResults, ModelInfo, SuiteInfo
from eval.run import recorded
from eval.samples import Sample
from eval.suite import Suite
from eval.verdict import Gate
from tests.eval.data import TAXONOMY, prediction

CATEGORIES, LEVELS = TAXONOMY.category_names, TAXONOMY.urgency_names


def labelled(n: int, seed: int = 0) -> list[LabelledPost]:
    """Posts with labels drawn at random, each with an id, half of them from a forum."""
    random = np.random.default_rng(seed)
    return [
        LabelledPost(
            text=f"post {index}",
            category=CATEGORIES[random.integers(len(CATEGORIES))],
            urgency=LEVELS[random.integers(len(LEVELS))],
            id=f"p{index}",
            row=index + 1,
            fields={"source": "forum" if index % 2 else "review"},
        )
        for index in range(n)
    ]


def answered(posts: Sequence[LabelledPost], *, right: float, seed: int) -> list[Sample]:
    """Answers of which so many are right, each by a coin of its own; the others are any other label."""
    random = np.random.default_rng(seed)
    return [
        Sample(
            post,
            prediction(
                _said(post.category, CATEGORIES, right, random),
                float(random.uniform(0.4, 0.99)),
                urgency=_said(post.urgency or LEVELS[0], LEVELS, right, random),
            ),
        )
        for post in posts
    ]


def _said(gold: str, labels: Sequence[str], right: float, random: np.random.Generator) -> str:
    if random.random() < right:
        return gold
    others = [label for label in labels if label != gold]
    return others[random.integers(len(others))]


def flipped(samples: Sequence[Sample], *, share: float, seed: int) -> list[Sample]:
    """The same answers, but so large a share of the labels, category and urgency alike, replaced at random."""
    random = np.random.default_rng(seed)
    chosen = set(random.choice(len(samples), size=round(share * len(samples)), replace=False).tolist())
    return [_replaced(sample, random) if index in chosen else sample for index, sample in enumerate(samples)]


def _replaced(sample: Sample, random: np.random.Generator) -> Sample:
    said = sample.prediction
    assert said is not None
    result: Result = replace(
        prediction(_said(said.category, CATEGORIES, 0.0, random), said.confidence),
        urgency=_said(said.urgency or LEVELS[0], LEVELS, 0.0, random),
    )
    return Sample(sample.post, result)


def write_folder(
    folder: Path,
    samples: Sequence[Sample],
    *,
    gates: Sequence[Gate] = (),
    taxonomy: Taxonomy = TAXONOMY,
    name: str = "by-hand",
) -> Path:
    """Judge samples and write the folder."""
    resampling = Resampling(resamples=100)
    suite = Suite(name="made", data="none", group_by=["source"], gates=list(gates))
    findings = judge(samples, suite, taxonomy, resampling)
    made = EvaluationResults(
        model=ModelInfo(name=name, version="1", digest="sha256:" + "0" * 64, target="none", taxonomy=taxonomy),
        suite=SuiteInfo(name="made", description="", licence="", evaluation_only=False, every=1, gates=tuple(gates)),
        data=DataInfo(name="made.jsonl", sha256="1" * 64, posts=len(samples), judged=len(samples), skipped_rows=0),
        seed=0,
        resamples=100,
        confidence_level=0.95,
        interval_method="",
        definitions={},
        command="earshot eval run",
        packages={},
        created_at="2026-01-01T00:00:00Z",
        slices=findings.slices,
        groups=findings.groups,
    )
    made = made.model_copy(update={"gates": judge_gates(gates, made)})
    write_output(
        folder, {PREDICTIONS: recorded(samples, findings.membership), RESULTS: made.model_dump_json().encode()}
    )
    return folder
