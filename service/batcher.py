"""Forms batches from whatever waits: no timer, no waiting for more. Knows nothing of models or HTTP.

While all workers are busy, requests gather; the worker that gets free takes as many of their items as fit. Under low
load a request is thus run at once and alone, under high load in full batches. For work in which items don't influence
each other, so that it does not matter which of them meet.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Served(Generic[Outcome]):
    """What came of one request.

    Attributes:
        outcomes: One per item, in order.
        waited_s: Seconds until the first of its items was taken.
        ran_s: Seconds from then until the last was done.
    """

    outcomes: list[Outcome]
    waited_s: float
    ran_s: float


@dataclass(slots=True)
class _Request(Generic[Item, Outcome]):
    """Items that came together, and what has come of them so far."""

    items: Sequence[Item]
    future: Future[Served[Outcome]]
    arrived: float
    begun: float | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def begin(self) -> bool:
        """Whether it is still wanted; from then on it can no longer be cancelled."""
        if self.begun is None:
            if not self.future.set_running_or_notify_cancel():
                return False
            self.begun = time.perf_counter()
        return not self.future.done()  # it is when another of its batches failed

    def finish(self) -> None:
        begun = self.begun or self.arrived
        outcomes = [self.outcomes[index] for index in range(len(self.items))]
        self.future.set_result(Served(outcomes, begun - self.arrived, time.perf_counter() - begun))


_Entry = tuple[_Request[Item, Outcome], int]
"""One item: its request, and its place there."""


class Batcher(Generic[Item, Outcome]):
    """Runs items on threads of its own, in batches.

    Args:
        run: Gives one outcome per item; called from several threads at once.
        size_of: An item's size, such as its tokens.
        max_batch_size: The most that the sizes of a batch add up to; only a single larger item exceeds it.
        workers: Batches that run at once.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Outcome]],
        *,
        size_of: Callable[[Item], int],
        max_batch_size: int,
        workers: int,
    ) -> None:
        self._run = run
        self._size_of = size_of
        self._max_batch_size = max_batch_size
        self._waiting: deque[_Entry[Item, Outcome]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._workers = [
            threading.Thread(target=self._work, name=f"earshot-batcher-{number}", daemon=True)
            for number in range(workers)
        ]
        for worker in self._workers:
            worker.start()

    def submit(self, items: Sequence[Item]) -> Future[Served[Outcome]]:
        """Put items in the queue.

        Args:
            items: At least one.

        Returns:
            Their outcomes, or the error that `run` raised over a batch with some of them. Cancelled in time, none of
            them is run.

        Raises:
            RuntimeError: The batcher was closed.
        """
        request: _Request[Item, Outcome] = _Request(items, Future(), time.perf_counter())
        with self._changed:
            if self._closed:
                raise RuntimeError("this batcher was closed")
            self._waiting.extend((request, index) for index in range(len(items)))
            self._changed.notify(min(len(items), len(self._workers)))
        return request.future

    def close(self) -> None:
        """Let what waits be run, then end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while batch := self._take():
            try:
                self._serve(batch)
            except Exception:  # whose fault it was is found out by running each request by itself
                for _, entries in groupby(batch, key=lambda entry: id(entry[0])):
                    self._serve_alone(list(entries))

    def _take(self) -> list[_Entry[Item, Outcome]]:
        """Wait for items and take as many as fit; none when it is time to end."""
        batch: list[_Entry[Item, Outcome]] = []
        size = 0
        with self._changed:
            while not batch:
                while not self._waiting:
                    if self._closed:
                        return []
                    self._changed.wait()
                while self._waiting:
                    request, index = self._waiting[0]
                    if request.begin():
                        size += self._size_of(request.items[index])
                        if batch and size > self._max_batch_size:
                            break
                        batch.append((request, index))
                    self._waiting.popleft()
        return batch

    def _serve(self, batch: list[_Entry[Item, Outcome]]) -> None:
        outcomes = self._run([request.items[index] for request, index in batch])
        with self._changed:  # a request's items may be in several batches
            for (request, index), outcome in zip(batch, outcomes, strict=True):
                request.outcomes[index] = outcome
                if len(request.outcomes) == len(request.items):
                    request.finish()

    def _serve_alone(self, entries: list[_Entry[Item, Outcome]]) -> None:
        try:
            self._serve(entries)
        except Exception as error:
            request, _ = entries[0]
            with self._changed:
                if not request.future.done():
                    request.future.set_exception(error)
