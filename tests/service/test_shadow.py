"""A challenger beside the champion: compared and counted, never in anybody's way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from earshot import Bundle, EarshotError, Pipeline, Post, Result
from service.lifespan import Lifecycle
from service.metrics import Metrics
from service.settings import Settings
from service.shadow import ReviewFile, Shadow
from tests.service.conftest import wait_until_ready
from tests.tiny import write_tiny_bundle

WITHIN_S = 30
AGREED, DISAGREED = Post("refund", "a"), Post("hello refund", "b")
"""The challenger of these tests reads one word only."""


class FixedSource:
    """Gives the bundle that it is told to, or fails as it is told to."""

    local = True

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.trouble: Exception | None = None

    def revision(self) -> str:
        if self.trouble is not None:
            raise self.trouble
        return self.bundle.manifest.digest

    def fetch(self) -> Bundle:
        return self.bundle


@pytest.fixture
def champion(bundle: Bundle) -> Iterator[Pipeline]:
    with Pipeline(bundle, threads=1) as pipeline:
        yield pipeline


@pytest.fixture
def source(tmp_path: Path) -> FixedSource:
    return FixedSource(write_tiny_bundle(tmp_path / "challenger", version="2", max_tokens=3))


@contextmanager
def shadowing(shadow: Shadow, metrics: Metrics) -> Iterator[None]:
    shadow.start()
    try:
        until(lambda: "earshot_shadow_model_info{" in metrics.text().decode())
        yield
    finally:
        shadow.close(WITHIN_S)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def count(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("earshot_shadow_posts_total", {"outcome": outcome}) or 0.0


def test_agreement_and_disagreement_are_counted_and_disagreements_kept(
    champion: Pipeline, source: FixedSource, tmp_path: Path
) -> None:
    metrics, file = Metrics(), tmp_path / "review.jsonl"
    shadow = Shadow(source, share=1, poll_s=60, metrics=metrics, review=ReviewFile(file, 10_000))
    with shadowing(shadow, metrics):
        posts = [AGREED, DISAGREED, Post("   ")]
        shadow.offer(posts, champion.predict(posts), champion.identity)
        until(lambda: count(metrics, "agreed") + count(metrics, "disagreed") == 2)
    assert count(metrics, "disagreed") == 1
    (line,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["id"], line["text"]) == ("b", "hello refund")
    assert line["champion"]["category"] == "billing"
    assert line["challenger"]["category"] != "billing"
    assert line["challenger"]["digest"] == source.bundle.manifest.digest


def test_a_full_file_takes_no_more(tmp_path: Path) -> None:
    file = ReviewFile(tmp_path / "review.jsonl", 30)
    assert file.add({"a": 1})
    assert not file.add({"a": "x" * 30})
    assert (tmp_path / "review.jsonl").read_text() == '{"a": 1}\n'


def test_only_the_share_is_asked(champion: Pipeline, source: FixedSource) -> None:
    metrics, chances = Metrics(), iter([0.05, 0.5, 0.15, 0.0999])
    shadow = Shadow(source, share=0.1, poll_s=60, metrics=metrics, chance=lambda: next(chances))
    with shadowing(shadow, metrics):
        shadow.offer([AGREED] * 4, champion.predict([AGREED] * 4), champion.identity)
        until(lambda: count(metrics, "agreed") == 2)


class Slow(Pipeline):
    """Judges nothing before it is let go."""

    go = threading.Event()

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        self.go.wait()
        return super().predict(posts)


def test_what_would_pile_up_is_dropped_without_waiting(champion: Pipeline, source: FixedSource) -> None:
    metrics = Metrics()
    Slow.go.set()
    shadow = Shadow(source, share=1, poll_s=60, metrics=metrics, load=lambda bundle: Slow(bundle, threads=1))
    with shadowing(shadow, metrics):
        Slow.go.clear()
        results = champion.predict([AGREED] * 600)
        shadow.offer([AGREED] * 600, results, champion.identity)
        # One may be under way, the others wait up to the bound.
        assert 600 - 513 <= count(metrics, "dropped") <= 600 - 512
        Slow.go.set()
        until(lambda: count(metrics, "agreed") + count(metrics, "dropped") == 600)


def test_a_challenger_that_is_gone_is_not_compared_and_one_that_cannot_be_asked_for_is(
    champion: Pipeline, source: FixedSource
) -> None:
    metrics = Metrics()
    shadow = Shadow(source, share=1, poll_s=0.01, metrics=metrics)
    with shadowing(shadow, metrics):
        source.trouble = ConnectionError("down")
        shadow.offer([AGREED], champion.predict([AGREED]), champion.identity)
        until(lambda: count(metrics, "agreed") == 1)
        source.trouble = EarshotError("no such alias")
        until(lambda: "earshot_shadow_model_info{" not in metrics.text().decode())
        source.trouble = None
        until(lambda: "earshot_shadow_model_info{" in metrics.text().decode())


def test_callers_get_the_champions_answers_and_the_challenger_is_asked_as_well(
    bundle: Bundle, source: FixedSource
) -> None:
    from starlette.testclient import TestClient

    from service.app import create_app

    metrics = Metrics()
    shadow = Shadow(source, share=1, poll_s=60, metrics=metrics)
    settings = Settings()
    lifecycle = Lifecycle(settings, lambda: Pipeline(bundle, threads=1), metrics=metrics, shadow=shadow)
    with TestClient(create_app(settings, lifecycle)) as client:
        wait_until_ready(client)
        until(lambda: "earshot_shadow_model_info{" in metrics.text().decode())
        said = client.post("/v1/classify", json={"posts": ["hello refund", "refund"]}).json()
        assert said["model"]["version"] == "1"
        assert [one["category"] for one in said["results"]] == ["billing", "billing"]
        until(lambda: count(metrics, "agreed") + count(metrics, "disagreed") == 2)
        assert 'earshot_shadow_posts_total{outcome="disagreed"} 1.0' in client.get("/metrics").text
