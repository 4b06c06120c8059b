"""How fast a target answers: one post at a time, and as many as it takes at once. Timings, so never the same twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from earshot.post import Post
from earshot.predictor import Predictor
from eval.metrics.family import Floats
from eval.predictors import MAX_BATCH_SIZE, MAX_CONCURRENT_REQUESTS
from eval.results import Figure, SpeedResult

SLICE = "speed"
_WARM_UP = 20
_MAX_ALONE = 300
_ROUNDS = 5
_STEP = MAX_BATCH_SIZE * MAX_CONCURRENT_REQUESTS
_RESAMPLES = 1000


def measure(
    predictor: Predictor,
    posts: Sequence[Post],
    *,
    seed: int,
    confidence_level: float,
    clock: Callable[[], float] = perf_counter,
) -> SpeedResult:
    """Measure latency and throughput.

    Args:
        predictor: What is measured; a cache in front of it would be measured instead.
        posts: What it is asked, at least one.
        seed: Of the latencies' bootstrap.
        confidence_level: Of the intervals.
        clock: Seconds.

    Returns:
        `latency_p50_ms`, `latency_p95_ms` and `latency_p99_ms` of one post at a time, and `throughput_posts_per_s`
        of all posts in large batches, over rounds.
    """
    predictor.predict(posts[:_WARM_UP])
    alone = np.array([_seconds(predictor, [post], clock) for post in itertools.islice(posts, _MAX_ALONE)]) * 1000
    rounds = np.array([len(posts) / _all_at_once(predictor, posts, clock) for _ in range(_ROUNDS)])
    figures = [_percentile(alone, percent, seed, confidence_level) for percent in (50, 95, 99)]
    throughput = Figure(
        metric="throughput_posts_per_s",
        value=float(np.median(rounds)),
        low=float(rounds.min()),
        high=float(rounds.max()),
        n=len(posts),
    )
    return SpeedResult(name=SLICE, n=len(posts), figures=(*figures, throughput))


def _seconds(predictor: Predictor, posts: Sequence[Post], clock: Callable[[], float]) -> float:
    start = clock()
    predictor.predict(posts)
    return clock() - start


def _all_at_once(predictor: Predictor, posts: Sequence[Post], clock: Callable[[], float]) -> float:
    return sum(_seconds(predictor, posts[start : start + _STEP], clock) for start in range(0, len(posts), _STEP))


def _percentile(latencies: Floats, percent: int, seed: int, level: float) -> Figure:
    random = np.random.default_rng(seed)
    drawn = np.percentile(random.choice(latencies, size=(_RESAMPLES, len(latencies))), percent, axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Figure(
        metric=f"latency_p{percent}_ms",
        value=float(np.percentile(latencies, percent)),
        low=float(low),
        high=float(high),
        n=len(latencies),
    )
