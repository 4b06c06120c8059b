"""A challenger beside the champion: asked a share of the same posts afterwards, compared, counted, never answered with.

Whatever happens here, callers notice nothing: posts are taken over without waiting, dropped when too many wait, and
judged on one thread of its own, whose errors are counted. Knows nothing of HTTP.
"""

from __future__ import annotations

import json
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from earshot import Bundle, EarshotError, ModelIdentity, Pipeline, Post, Prediction, Result
from service.metrics import Metrics
from service.model_source import ModelSource

_logger = logging.getLogger(__name__)

_MAX_WAITING_POSTS = 512
_IDLE_S = 0.2
_Pair = tuple[Post, Prediction, ModelIdentity]


class ReviewFile:
    """Posts on which the two models disagree, for people to look at: a line of JSON each, with the post's text.

    Args:
        path: Appended to.
        max_bytes: No line is added beyond.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def add(self, line: dict[str, Any]) -> bool:
        """Add a disagreement.

        Returns:
            Whether there was room.

        Raises:
            OSError: The file cannot be written to.
        """
        content = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        with self._path.open("ab") as file:
            if file.tell() + len(content) > self._max_bytes:
                return False
            file.write(content)
        return True


class Shadow:
    """Judges a share of the posts with another model.

    Args:
        source: Where the challenger comes from; there may be none for a while.
        share: Of the posts, between 0 and 1.
        poll_s: Seconds between two looks for another challenger.
        metrics: Where it is counted.
        review: Where disagreements are kept; None keeps none.
        load: Makes a model of a bundle.
        chance: Gives numbers between 0 and 1, which choose posts.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        share: float,
        poll_s: float,
        metrics: Metrics,
        review: ReviewFile | None = None,
        load: Callable[[Bundle], Pipeline] = lambda bundle: Pipeline(bundle, threads=1),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._share = share
        self._poll_s = poll_s
        self._metrics = metrics
        self._review = review
        self._load = load
        self._chance = chance
        self._waiting: queue.Queue[_Pair] = queue.Queue(_MAX_WAITING_POSTS)
        self._closed = threading.Event()
        self._pipeline: Pipeline | None = None
        self._revision: str | None = None
        self._champion: ModelIdentity | None = None
        self._looked_at = -float("inf")
        self._thread = threading.Thread(target=self._work, name="earshot-shadow", daemon=True)

    def start(self) -> None:
        """Begin: load the challenger, and judge what is offered."""
        self._thread.start()

    def offer(self, posts: Sequence[Post], results: Sequence[Result], champion: ModelIdentity) -> None:
        """Take over what the champion said of some posts; returns at once.

        Args:
            posts: The posts.
            results: What the champion said of each.
            champion: Who said so.
        """
        if self._pipeline is None:
            return
        for post, result in zip(posts, results, strict=True):
            if isinstance(result, Prediction) and self._chance() < self._share:
                try:
                    self._waiting.put_nowait((post, result, champion))
                except queue.Full:
                    self._metrics.shadow_posts.labels("dropped").inc()

    def close(self, timeout_s: float) -> None:
        """End; what waits is not judged any more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while not self._closed.is_set():
            try:
                self._look_for_another()
                pair = self._waiting.get(timeout=_IDLE_S)
            except queue.Empty:
                continue
            self._judge(pair)
        self._replace(None)

    def _look_for_another(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self._poll_s:
            return
        self._looked_at = now
        try:
            revision = self._source.revision()
        except EarshotError:
            self._revision = None
            self._replace(None)  # there is none any more, such as after its promotion
            return
        except Exception as error:  # a registry that is down: the challenger that is here goes on
            _logger.warning("cannot tell whether there is another challenger: %s", type(error).__name__)
            return
        if revision == self._revision:
            return
        self._revision = revision  # first: one that is refused is not tried again
        try:
            self._replace(self._load(self._source.fetch()))
        except EarshotError as error:
            _logger.error("the challenger is refused: %s", error)
            self._replace(None)
        except Exception as error:
            _logger.warning("the challenger cannot be fetched: %s", type(error).__name__)
            self._revision = None

    def _judge(self, pair: _Pair) -> None:
        post, champion, identity = pair
        pipeline = self._pipeline
        if pipeline is None or pipeline.identity == identity:
            return
        try:
            (challenger,) = pipeline.predict([post])
        except Exception as error:
            self._metrics.shadow_posts.labels("failed").inc()
            _logger.warning("the challenger failed: %s", type(error).__name__)
            return
        if not isinstance(challenger, Prediction):
            self._metrics.shadow_posts.labels("failed").inc()
            return
        self._metrics.shadow_score_change.observe(_change(champion, challenger))
        same = (champion.category, champion.urgency) == (challenger.category, challenger.urgency)
        self._metrics.shadow_posts.labels("agreed" if same else "disagreed").inc()
        if not same:
            self._metrics.shadow_disagreements.labels(champion.category, challenger.category).inc()
            self._keep(post, champion, identity, challenger, pipeline.identity)

    def _keep(
        self, post: Post, champion: Prediction, by: ModelIdentity, challenger: Prediction, other: ModelIdentity
    ) -> None:
        if self._review is None:
            return
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "id": post.id,
            "text": post.text,
            "champion": _said(champion, by),
            "challenger": _said(challenger, other),
        }
        try:
            if not self._review.add(line):
                _logger.warning("the file of disagreements is full: move it away to go on")
                self._review = None
        except OSError as error:
            _logger.error("disagreements cannot be kept: %s", error.strerror)
            self._review = None

    def _replace(self, pipeline: Pipeline | None) -> None:
        before, self._pipeline = self._pipeline, pipeline
        if before is not None:
            before.close()
        self._metrics.shadow_model_info.clear()
        if pipeline is not None:
            identity = pipeline.identity
            self._metrics.shadow_model_info.labels(identity.name, identity.version, identity.digest).set(1)
            _logger.info("%s %s is compared with what is served", identity.name, identity.version)


def _change(champion: Prediction, challenger: Prediction) -> float:
    """The largest difference of a category's score; all of it where their categories differ."""
    if champion.scores.keys() != challenger.scores.keys():
        return 1.0
    return max(abs(score - challenger.scores[name]) for name, score in champion.scores.items())


def _said(prediction: Prediction, identity: ModelIdentity) -> dict[str, Any]:
    return {
        "model": f"{identity.name} {identity.version}",
        "digest": identity.digest,
        "category": prediction.category,
        "confidence": prediction.confidence,
        "urgency": prediction.urgency,
        "needs_review": prediction.needs_review,
    }
