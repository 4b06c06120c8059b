"""Judges posts off the event loop, in batches, within the budget. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

from earshot import Pipeline, Post, Prediction, Rejection, Result, Word
from earshot.explanation import Occlusion
from earshot.pipeline import Prepared
from service.batcher import Batcher, BatcherStoppedError, Served
from service.budget import TokenBudget
from service.errors import NotReadyError
from service.metrics import FAILED, Metrics

_logger = logging.getLogger(__name__)

_AT_ONCE_CHARACTERS = 16_000
"""Fewer are tokenized on the event loop, in a millisecond or two: a thread for it would take longer."""

INTERACTIVE, BACKGROUND = "interactive", "background"
"""Lanes, as metrics name them."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of some posts.

    Attributes:
        results: One per post, in order.
        explanations: The words of each post and what they did for its decision, where that was asked for.
        queue_ms: Milliseconds that the posts waited.
        tokenize_ms: Milliseconds from text to tokens.
        inference_ms: Milliseconds from tokens to decision.
    """

    results: list[Result]
    explanations: list[tuple[Word, ...]]
    queue_ms: float
    tokenize_ms: float
    inference_ms: float

    @property
    def stages_ms(self) -> dict[str, float]:
        """The milliseconds by stage, in their order."""
        return {"queue": self.queue_ms, "tokenize": self.tokenize_ms, "inference": self.inference_ms}


class Classifier:
    """Runs a pipeline on threads of its own.

    Args:
        pipeline: Who judges; it is called from several threads at once.
        threads: How many batches are judged at once.
        max_batch_tokens: Tokens in one batch, which may hold posts of several requests.
        max_batch_ms: Milliseconds after which a batch counts as hanging.
        budget: What may be under way at once, perhaps shared with other classifiers.
        metrics: Where batches and results are counted.
        watch: Told what was said of which posts; returns at once.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        threads: int,
        max_batch_tokens: int,
        max_batch_ms: int,
        budget: TokenBudget,
        metrics: Metrics,
        watch: Callable[[Sequence[Post], Sequence[Result]], None] = lambda *_: None,
    ) -> None:
        self._pipeline = pipeline
        self._watch = watch
        self._budget = budget
        self._metrics = metrics
        self._max_batch_s = max_batch_ms / 1000
        self._batcher: Batcher[Prepared, Result] = Batcher(
            self._judge,
            size_of=_tokens,
            max_batch_size=max_batch_tokens,
            workers=threads,
        )

    async def classify(self, posts: Sequence[Post], *, background: bool = False, explain: bool = False) -> Judgement:
        """Judge posts.

        Args:
            posts: The posts.
            explain: Whether to say which words carried each decision.
            background: Whether others go first; then they are let in without regard to the budget, and whoever sends
                them bounds how many are under way.

        Raises:
            OverloadedError: They don't fit into the budget; none of them is judged.
            NotReadyError: The threads have died.
        """
        if not posts:
            return Judgement([], [], queue_ms=0, tokenize_ms=0, inference_ms=0)
        if not background:
            self._budget.check()
        started = time.perf_counter()
        occlusions = [Occlusion(post, reach=self._pipeline.reach) for post in posts] if explain else []
        variants = [variant for occlusion in occlusions for variant in occlusion.variants]
        prepared = await self._prepare([*posts, *variants])
        tokenized = time.perf_counter()
        with nullcontext() if background else self._budget.taken(sum(map(_tokens, prepared))):
            served = await self._run(prepared, background=background)
        lane = BACKGROUND if background else INTERACTIVE
        self._metrics.tokenize_seconds.observe(tokenized - started)
        self._metrics.queue_seconds.labels(lane).observe(served.waited_s)
        outcomes = [
            outcome if not isinstance(outcome, Exception) else failed(item.post, outcome)
            for item, outcome in zip(prepared, served.outcomes, strict=True)
        ]
        results = outcomes[: len(posts)]
        self._metrics.count(results, lane=lane)
        self._watch(posts, results)
        return Judgement(
            results,
            _explanations(occlusions, results, outcomes[len(posts) :]),
            queue_ms=1000 * served.waited_s,
            tokenize_ms=1000 * (tokenized - started),
            inference_ms=1000 * served.ran_s,
        )

    @property
    def waiting_posts(self) -> int:
        """Posts that wait for a batch."""
        return self._batcher.waiting

    def is_sound(self) -> bool:
        """Whether its threads live and get on: none has died, and no batch takes longer than it may."""
        return self._batcher.is_alive() and self._batcher.stalled_s() <= self._max_batch_s

    async def close(self, *, timeout_s: float) -> bool:
        """Let what is pending finish, then free the threads; a closed classifier is not used again.

        Args:
            timeout_s: How long to wait for it.

        Returns:
            Whether all threads have ended; one that hangs does not.
        """
        return await asyncio.to_thread(self._batcher.close, timeout_s)

    async def _prepare(self, posts: Sequence[Post]) -> list[Prepared]:
        if sum(len(post.text) for post in posts) <= _AT_ONCE_CHARACTERS:
            return self._pipeline.prepare(posts)
        return await asyncio.to_thread(self._pipeline.prepare, posts)

    async def _run(self, prepared: Sequence[Prepared], *, background: bool) -> Served[Result]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Served[Result]] = loop.create_future()

        def deliver(outcome: Served[Result] | Exception) -> None:
            loop.call_soon_threadsafe(_settle, future, outcome)

        try:
            ticket = self._batcher.submit(prepared, deliver, background=background)
            try:
                return await future
            except asyncio.CancelledError:
                self._batcher.abandon(ticket)
                raise
        except BatcherStoppedError as error:
            raise NotReadyError("The threads that judge posts have died; try again a little later.") from error

    def _judge(self, prepared: Sequence[Prepared]) -> list[Result]:
        """Judge one batch, on a thread of the batcher."""
        started = time.perf_counter()
        results = self._pipeline.judge(prepared)
        tokens = sum(map(_tokens, prepared))
        took_s = time.perf_counter() - started
        self._budget.ran(tokens, took_s)
        self._metrics.inference_seconds.observe(took_s)
        self._metrics.batch_posts.observe(len(prepared))
        self._metrics.batch_tokens.observe(tokens)
        self._metrics.tokens.inc(tokens)
        return results


def failed(post: Post, error: Exception) -> Rejection:
    """What stands in the place of a post over which the model failed; the log says where, and not what, it read."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _logger.error("%s over a post, its text left out as it may quote it:\n%s", type(error).__name__, where)
    return Rejection(
        id=post.id,
        type=FAILED,
        title="The post could not be judged",
        detail="Something went wrong on our side; the log says where.",
    )


def _explanations(
    occlusions: Sequence[Occlusion], results: Sequence[Result], variants: Sequence[Result]
) -> list[tuple[Word, ...]]:
    remaining = iter(variants)
    explanations = []
    for occlusion, result in zip(occlusions, results, strict=False):
        own = list(islice(remaining, len(occlusion.variants)))
        explanations.append(occlusion.explain(result, own) if isinstance(result, Prediction) else ())
    return explanations


def _tokens(prepared: Prepared) -> int:
    return len(prepared.encoding.ids)


def _settle(future: asyncio.Future[Served[Result]], outcome: Served[Result] | Exception) -> None:
    if future.done():  # nobody waits for it any more
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
