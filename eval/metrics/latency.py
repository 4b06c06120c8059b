"""What the figures of a speed suite mean; `eval.speed` measures them."""

from __future__ import annotations

from eval.metrics.family import Definition

_LATENCY = "of the milliseconds that one post alone takes, from the call to its answer; for a service with the network."

DEFINITIONS = {
    "latency_p50_ms": Definition("latency, median", f"Median {_LATENCY}", lower_is_better=True),
    "latency_p95_ms": Definition("latency, 95th percentile", f"95th percentile {_LATENCY}", lower_is_better=True),
    "latency_p99_ms": Definition("latency, 99th percentile", f"99th percentile {_LATENCY}", lower_is_better=True),
    "throughput_posts_per_s": Definition(
        "throughput",
        "Posts a second, all of them in large batches: the median of five rounds, its interval from the slowest to "
        "the fastest.",
    ),
}
