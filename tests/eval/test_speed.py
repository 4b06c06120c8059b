from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from earshot.__main__ import main
from earshot.pipeline import Pipeline
from earshot.post import Post, Result
from eval.prediction_cache import cache_folder
from eval.results import REPORT, read_results
from eval.speed import measure
from tests.eval.data import rows, write_jsonl


class Ticking:
    """A pipeline on a clock of its own: a call takes one second, and a hundredth more for each post."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.identity, self.taxonomy = pipeline.identity, pipeline.taxonomy
        self._pipeline = pipeline
        self.now = 0.0

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        self.now += 1 + len(posts) / 100
        return self._pipeline.predict(posts)


def test_latency_is_that_of_one_post_and_throughput_that_of_many(pipeline: Pipeline) -> None:
    ticking = Ticking(pipeline)
    posts = [Post(f"refund {index}") for index in range(512)]
    found = measure(ticking, posts, seed=0, confidence_level=0.95, clock=lambda: ticking.now)
    values = {figure.metric: figure.value for figure in found.figures}
    assert values["latency_p50_ms"] == pytest.approx(1010)
    assert values["latency_p99_ms"] == pytest.approx(1010)
    assert values["throughput_posts_per_s"] == pytest.approx(512 / (2 * (1 + 2.56)))


def test_a_speed_suite_times_the_model_and_not_what_was_kept(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "posts.jsonl", rows())
    suite = tmp_path / "mine.toml"
    gate = '[[gates]]\nkind = "limit"\nslice = "speed"\nmetric = "latency_p95_ms"\nat_most = 1e9\nmin_n = 1\n'
    suite.write_text(f'name = "mine"\nkind = "speed"\ndata = "posts.jsonl"\n{gate}', encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["eval", "run", "--model", str(tiny_folder), "--suite", str(suite), "-o", str(tmp_path / "out")])
    assert stopped.value.code == 0
    assert "latency, 95th percentile" in capsys.readouterr().out
    assert not cache_folder().exists()
    found = read_results(tmp_path / "out")
    assert found.speed is not None and found.speed.n == 14
    assert "Throughput" in (tmp_path / "out" / REPORT).read_text(encoding="utf-8").replace("throughput", "Throughput")
