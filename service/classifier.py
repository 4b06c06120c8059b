"""Judges posts off the event loop, with a bound on how many may be pending. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from earshot import Pipeline, Post, Result
from service.errors import OverloadedError


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
        threads: How many requests are judged at once; the others wait in the order in which they came.
        max_pending_posts: The most posts that may wait or be judged. Beyond that a request is refused at once:
            a caller who is told to come back is better off than one in a queue that only grows.
    """

    def __init__(self, pipeline: Pipeline, *, threads: int, max_pending_posts: int) -> None:
        self._pipeline = pipeline
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="earshot-classifier")
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
            future = self._pool.submit(self._judge, posts, time.perf_counter())
        except BaseException:
            self._release(len(posts))
            raise
        # Released when the thread is done with them, which is later than now for a caller who was cancelled.
        future.add_done_callback(lambda _: self._release(len(posts)))
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Let what is pending finish, then free the threads; a closed classifier is not used again."""
        await asyncio.to_thread(self._pool.shutdown)

    def _judge(self, posts: Sequence[Post], arrived: float) -> Judgement:
        started = time.perf_counter()
        prepared = self._pipeline.prepare(posts)
        tokenized = time.perf_counter()
        results = self._pipeline.judge(prepared)
        finished = time.perf_counter()
        return Judgement(
            results,
            queue_ms=1000 * (started - arrived),
            tokenize_ms=1000 * (tokenized - started),
            inference_ms=1000 * (finished - tokenized),
        )

    def _admit(self, count: int) -> None:
        with self._lock:
            if self._pending_posts + count > self._max_pending_posts:
                raise OverloadedError(pending_posts=self._pending_posts, max_pending_posts=self._max_pending_posts)
            self._pending_posts += count

    def _release(self, count: int) -> None:
        with self._lock:
            self._pending_posts -= count
