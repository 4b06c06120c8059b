from __future__ import annotations

from collections.abc import Sequence

from earshot import Bundle, Pipeline, Post, Prediction
from earshot.reference import Reference
from service.drift import Drift
from service.metrics import Metrics
from service.settings import Settings
from tests.service.conftest import serving


def predictions(pipeline: Pipeline, texts: Sequence[str]) -> list[Prediction]:
    return [result for result in pipeline.predict([Post(text) for text in texts]) if isinstance(result, Prediction)]


def test_the_same_posts_don_t_drift_and_others_do(tiny_pipeline: Pipeline) -> None:
    usual = predictions(tiny_pipeline, ["a refund", "I love it"])
    drift = Drift(Reference.of(usual, source="made up"))
    drift.add(usual * 50)
    assert drift.indices() == {}  # too few to say
    drift.add(usual * 100)
    assert all(abs(index) < 1e-6 for index in drift.indices().values())
    drift.add(predictions(tiny_pipeline, ["it leaked, stolen"]) * 2000)
    assert set(drift.indices()) == {"category", "confidence", "urgency"}
    assert drift.indices()["category"] > 0.25
    assert drift.indices()["urgency"] > 0.25


def test_drift_is_among_the_metrics_of_a_bundle_with_a_reference(tiny_bundle: Bundle, tiny_pipeline: Pipeline) -> None:
    usual = predictions(tiny_pipeline, ["a refund", "I love it"])
    bundle = tiny_bundle.with_reference(Reference.of(usual, source="made up"))
    with serving(Settings(), lambda: Pipeline(bundle, threads=1)) as client:
        client.post("/v1/classify", json={"posts": ["it leaked"] * 250})
        assert 'earshot_score_drift{distribution="category"}' in client.get("/metrics").text


def test_without_a_reference_there_is_no_drift_to_tell(bundle: Bundle, tiny_pipeline: Pipeline) -> None:
    metrics = Metrics()
    metrics.serves(bundle.identity, None)
    metrics.count(predictions(tiny_pipeline, ["love"]) * 300, lane="interactive")
    assert "earshot_score_drift{" not in metrics.text().decode()
