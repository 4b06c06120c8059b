"""Results made from predictions by hand, without any model."""

from __future__ import annotations

from collections.abc import Sequence

from earshot.records import LabelledPost
from earshot.taxonomy import Taxonomy
from eval.evaluation import INTERVAL_METHOD, Resampling, definitions, judge
from eval.gates import judge_gates
from eval.results import DataInfo, EvaluationResults, ModelInfo, SuiteInfo
from eval.samples import Sample
from eval.suite import Suite
from eval.verdict import Gate, Limit
from tests.eval.data import POSTS, TAXONOMY, prediction, rejection


def samples() -> list[Sample]:
    """The labelled posts with predictions of which some are wrong, one unsure, and one missing."""
    made = [_labelled(index) for index in range(len(POSTS))]
    said = [prediction(post.category, 0.9, urgency=str(post.urgency)) for post in made]
    judged = [Sample(post, one) for post, one in zip(made, said, strict=True)]
    judged[0] = Sample(made[0], prediction("praise", 0.97))
    judged[6] = Sample(made[6], prediction("billing", 0.8, urgency="low"))
    judged[8] = Sample(made[8], prediction("complaint", 0.45, review_reasons=("low_confidence",)))
    judged[11] = Sample(made[11], rejection())
    return judged


def _labelled(index: int) -> LabelledPost:
    row = POSTS[index]
    return LabelledPost(
        text=row["text"],
        category=row["category"],
        urgency=row["urgency"],
        ambiguous=bool(row.get("ambiguous")),
        id=f"p{index}",
        row=index + 1,
        fields={"source": row["source"]},
    )


def results(judged: Sequence[Sample] | None = None, *, taxonomy: Taxonomy = TAXONOMY) -> EvaluationResults:
    """Results on samples, by default those of `samples`."""
    judged = samples() if judged is None else judged
    resampling = Resampling(resamples=100)
    group_by = ["source"] if any("source" in one.post.fields for one in judged) else []
    findings = judge(judged, Suite(name="made", data="none", group_by=group_by), taxonomy, resampling)
    return EvaluationResults(
        model=ModelInfo(name="by-hand", version="1", digest="sha256:" + "0" * 64, target="none", taxonomy=taxonomy),
        suite=SuiteInfo(name="made", description="Made up.", licence="None.", evaluation_only=False, every=1),
        data=DataInfo(name="made.jsonl", sha256="1" * 64, posts=len(judged), judged=len(judged), skipped_rows=2),
        seed=resampling.seed,
        resamples=resampling.resamples,
        confidence_level=resampling.confidence_level,
        interval_method=INTERVAL_METHOD,
        definitions=definitions(),
        command="earshot eval run",
        packages={"numpy": "2"},
        created_at="2026-01-01T00:00:00Z",
        slices=findings.slices,
        groups=findings.groups,
    )


def failed_results() -> EvaluationResults:
    """Results with gates of which one fails and one cannot be judged."""
    made = results()
    gates: list[Gate] = [
        Limit(kind="limit", metric="accuracy", at_least=0.99, min_n=1),
        Limit(kind="limit", metric="macro_f1", at_least=0.5),
    ]
    return made.model_copy(update={"gates": judge_gates(gates, made)})
