"""Judges posts off the event loop, in batches, with a bound on how many may be pending. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from earshot import Pipeline, Post, Result
from earshot.pipeline import Prepared
from service.batcher import Batcher
from service.errors import OverloadedError

_AT_ONCE_CHARACTERS = 16_000
"""Fewer are tokenized on the event loop, in a millisecond or two: a thread for it would take longer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of some posts.

    Attributes:
        results: One per post, in order.
        queue_ms: Milliseconds that the posts waited.
        tokenize_ms: Milliseconds from text to tokens.
        inference_ms: Milliseconds from tokens to decision.
    """

    results: list[Result]
    queue_ms: float
    tokenize_ms: float
    inference_ms: float


class Classifier:
    """Runs a pipeline on threads of its own.

    Args:
        pipeline: Who judges; it is called from several threads at once.
        threads: How many batches are judged at once; other posts wait in the order in which they came.
        max_batch_tokens: Tokens in one batch, which may hold posts of several requests.
        max_pending_posts: The most posts that may wait or be judged. Beyond that a request is refused at once:
            a caller who is told to come back is better off than one in a queue that only grows.
    """

    def __init__(self, pipeline: Pipeline, *, threads: int, max_batch_tokens: int, max_pending_posts: int) -> None:
        self._pipeline = pipeline
        self._batcher: Batcher[Prepared, Result] = Batcher(
            pipeline.judge,
            size_of=lambda prepared: len(prepared.encoding.ids),
            max_batch_size=max_batch_tokens,
            workers=threads,
        )
        self._max_pending_posts = max_pending_posts
        self._pending_posts = 0
        self._lock = threading.Lock()

    @property
    def pending_posts(self) -> int:
        """Posts that wait or are being judged."""
        return self._pending_posts

    async def classify(self, posts: Sequence[Post]) -> Judgement:
        """Judge posts.

        Raises:
            OverloadedError: They don't fit among the pending ones; none of them is judged.
        """
        if not posts:
            return Judgement([], queue_ms=0, tokenize_ms=0, inference_ms=0)
        self._admit(len(posts))
        try:
            started = time.perf_counter()
            prepared = await self._prepare(posts)
            tokenized = time.perf_counter()
            future = self._batcher.submit(prepared)
        except BaseException:
            self._release(len(posts))
            raise
        # Released when a thread is done with them, which is later than now for a caller who was cancelled.
        future.add_done_callback(lambda _: self._release(len(posts)))
        served = await asyncio.wrap_future(future)
        return Judgement(
            served.outcomes,
            queue_ms=1000 * served.waited_s,
            tokenize_ms=1000 * (tokenized - started),
            inference_ms=1000 * served.ran_s,
        )

    async def close(self) -> None:
        """Let what is pending finish, then free the threads; a closed classifier is not used again."""
        await asyncio.to_thread(self._batcher.close)

    async def _prepare(self, posts: Sequence[Post]) -> list[Prepared]:
        if sum(len(post.text) for post in posts) <= _AT_ONCE_CHARACTERS:
            return self._pipeline.prepare(posts)
        return await asyncio.to_thread(self._pipeline.prepare, posts)

    def _admit(self, count: int) -> None:
        with self._lock:
            if self._pending_posts + count > self._max_pending_posts:
                raise OverloadedError(pending_posts=self._pending_posts, max_pending_posts=self._max_pending_posts)
            self._pending_posts += count

    def _release(self, count: int) -> None:
        with self._lock:
            self._pending_posts -= count
