"""What is counted, for Prometheus: every metric's name, in one place (`docs/metrics.md` is generated from here).

Names and labels are kept: dashboards and alert rules rest on them. No label holds anything of a post.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from earshot import ModelIdentity, Prediction, Rejection, Result
from earshot.reference import Reference
from service.drift import Drift

FAILED = "internal-error"
"""The type of a rejection that is our own fault."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH_POSTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
_BATCH_TOKENS = (8, 16, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512)
_CONFIDENCE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
_CHANGE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


@dataclass(frozen=True, slots=True)
class Described:
    """One metric, as `docs/metrics.md` lists it."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]


class Metrics:
    """The service's metrics, in a registry of their own, so that two services in one process don't mix.

    Attributes:
        registry: What Prometheus is shown.
        described: Each of them; those of the process and of Python come from `prometheus_client`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.described: list[Described] = []
        self._drift: Drift | None = None
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

        self.requests = self._counter(
            "earshot_http_requests_total",
            "Requests answered, by method, route, status and the name of the caller's key.",
            ("method", "route", "status", "caller"),
        )
        self.request_seconds = self._histogram(
            "earshot_http_request_duration_seconds",
            "From a request's arrival to the end of its answer.",
            _SECONDS,
            ("route",),
        )
        self.requests_in_flight = self._gauge("earshot_http_requests_in_flight", "Requests that are being answered.")
        self.refusals = self._counter(
            "earshot_refusals_total",
            "Requests refused, by reason, the last part of the problem's type: full, deadline-exceeded, not-ready, …",
            ("reason",),
        )
        self.abandoned = self._counter(
            "earshot_abandoned_requests_total", "Requests whose caller hung up before the answer."
        )
        self.feedback = self._counter(
            "earshot_feedback_total",
            "Corrections kept, by verdict on the category predicted: confirmed, corrected.",
            ("verdict",),
        )
        self.posts = self._counter(
            "earshot_posts_total",
            "Posts answered, by outcome (predicted, rejected, failed) and lane (interactive, background).",
            ("outcome", "lane"),
        )
        self.predictions = self._counter(
            "earshot_predictions_total", "Predictions, by category and urgency.", ("category", "urgency")
        )
        self.reviews = self._counter("earshot_needs_review_total", "Predictions that a person should look at.")
        self.review_reasons = self._counter(
            "earshot_review_reasons_total", "Why, by reason; a prediction may have several.", ("reason",)
        )
        self.truncated = self._counter("earshot_truncated_posts_total", "Posts whose end was not read.")
        self.confidence = self._histogram(
            "earshot_confidence", "Calibrated probability of the category given.", _CONFIDENCE
        )
        self.score_drift = self._gauge(
            "earshot_score_drift",
            "Population stability index of the latest predictions against the reference in the bundle, by distribution "
            "(category, confidence, urgency); absent without one. Below 0.1 is stable, over 0.25 has shifted.",
            ("distribution",),
        )
        self.tokens = self._counter("earshot_tokens_total", "Tokens judged, special ones included.")
        self.batch_posts = self._histogram("earshot_batch_posts", "Posts in one batch.", _BATCH_POSTS)
        self.batch_tokens = self._histogram("earshot_batch_tokens", "Tokens in one batch.", _BATCH_TOKENS)
        self.queue_seconds = self._histogram(
            "earshot_queue_duration_seconds",
            "From a request's tokens to the first batch with some of them, by lane.",
            _STAGE_SECONDS,
            ("lane",),
        )
        self.tokenize_seconds = self._histogram(
            "earshot_tokenize_duration_seconds", "From a request's text to its tokens.", _STAGE_SECONDS
        )
        self.inference_seconds = self._histogram(
            "earshot_inference_duration_seconds", "One batch, from tokens to decisions.", _STAGE_SECONDS
        )
        self.queue_posts = self._gauge("earshot_queue_posts", "Posts that wait for a batch.")
        self.pending_tokens = self._gauge("earshot_pending_tokens", "Tokens under way that count towards the budget.")
        self.max_pending_tokens = self._gauge(
            "earshot_pending_tokens_limit", "The budget as it is now; beyond it requests are refused with 429."
        )
        self.streams = self._gauge("earshot_streams", "Streams that are open.")
        self.ready = self._gauge("earshot_ready", "1 while /readyz says so, else 0.")
        self.alive = self._gauge("earshot_alive", "1 while /livez says so, else 0.")
        self.model_info = self._gauge(
            "earshot_model_info", "1 for the model that is served.", ("name", "version", "digest")
        )
        self.model_loaded = self._gauge(
            "earshot_model_loaded_timestamp_seconds", "When the served model was put in place, Unix time."
        )
        self.reloads = self._counter(
            "earshot_model_reloads_total",
            "Attempts to change the model, by outcome: switched, unchanged, refused, rolled_back.",
            ("outcome",),
        )
        self.shadow_posts = self._counter(
            "earshot_shadow_posts_total",
            "Posts that the challenger was asked as well, by outcome: agreed, disagreed, failed, dropped.",
            ("outcome",),
        )
        self.shadow_disagreements = self._counter(
            "earshot_shadow_disagreements_total",
            "Posts on which the challenger disagrees on category or urgency, by the category that each gives.",
            ("champion", "challenger"),
        )
        self.shadow_score_change = self._histogram(
            "earshot_shadow_score_change", "The largest difference of a category's score between the two.", _CHANGE
        )
        self.shadow_model_info = self._gauge(
            "earshot_shadow_model_info", "1 for the challenger that is compared.", ("name", "version", "digest")
        )
        self.key_reloads = self._counter(
            "earshot_key_file_reloads_total", "Key files read again, by outcome: read, refused.", ("outcome",)
        )

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        self.described.append(Described(name, "counter", meaning, labels))
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
        self.described.append(Described(name, "gauge", meaning, labels))
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], labels: tuple[str, ...] = ()) -> Histogram:
        self.described.append(Described(name, "histogram", meaning, labels))
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def watch(
        self,
        *,
        queue_posts: Callable[[], float],
        pending_tokens: Callable[[], float],
        max_pending_tokens: Callable[[], float],
        ready: Callable[[], float],
        alive: Callable[[], float],
    ) -> None:
        """Ask for these at each scrape."""
        self.queue_posts.set_function(queue_posts)
        self.pending_tokens.set_function(pending_tokens)
        self.max_pending_tokens.set_function(max_pending_tokens)
        self.ready.set_function(ready)
        self.alive.set_function(alive)

    def serves(self, identity: ModelIdentity, reference: Reference | None) -> None:
        """Say which model is served from now on, and what its predictions are compared with."""
        self._drift = None if reference is None else Drift(reference)
        self.score_drift.clear()
        self.model_info.clear()
        self.model_info.labels(identity.name, identity.version, identity.digest).set(1)
        self.model_loaded.set_to_current_time()

    def count(self, results: Sequence[Result], *, lane: str) -> None:
        """Count what was said of some posts."""
        predictions = [result for result in results if isinstance(result, Prediction)]
        rejections = [result for result in results if isinstance(result, Rejection)]
        for outcome, number in Tally("failed" if each.type == FAILED else "rejected" for each in rejections).items():
            self.posts.labels(outcome, lane).inc(number)
        if not predictions:
            return
        self.posts.labels("predicted", lane).inc(len(predictions))
        for (category, urgency), number in Tally((each.category, each.urgency or "") for each in predictions).items():
            self.predictions.labels(category, urgency).inc(number)
        for reason, number in Tally(reason for each in predictions for reason in each.review_reasons).items():
            self.review_reasons.labels(reason).inc(number)
        self.reviews.inc(sum(each.needs_review for each in predictions))
        self.truncated.inc(sum(each.truncated for each in predictions))
        for each in predictions:
            self.confidence.observe(each.confidence)
        if self._drift is not None:
            self._drift.add(predictions)

    def text(self) -> bytes:
        """The metrics, as Prometheus reads them."""
        if self._drift is not None:
            for distribution, index in self._drift.indices().items():
                self.score_drift.labels(distribution).set(index)
        return generate_latest(self.registry)
