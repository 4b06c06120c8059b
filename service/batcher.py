"""Forms batches from whatever waits: no timer, no waiting for more. Knows nothing of models or HTTP.

While all workers are busy, requests gather; the worker that gets free takes as many of their items as fit. Under low
load a request is thus run at once and alone, under high load in full batches. For work in which items don't influence
each other, so that it does not matter which of them meet.

Waiting requests take turns (deficit round robin): each turn is worth the same size, so that a request with one item
is in one of the next batches however many items another request brought. What is submitted as background work is run
when nothing else waits, in small batches, so that whoever comes meanwhile does not wait long; and it gets a batch now
and then, however busy it is, so that it never stands still.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_TURNS_A_BATCH = 4
"""A turn is worth this part of a full batch: so many requests meet in one."""
_BACKGROUND_PART = 3
"""A batch of background work holds this part of a full one."""
_BACKGROUND_EVERY = 8
"""One batch in so many is background work's, even if others wait."""


class BatcherStoppedError(Exception):
    """Nobody is left to run items: the batcher was closed, or its last thread has died."""


@dataclass(frozen=True, slots=True)
class Served(Generic[Outcome]):
    """What came of one request.

    Attributes:
        outcomes: One per item, in order; an error where `run` raised over the item alone.
        waited_s: Seconds until the first of its items was taken.
        ran_s: Seconds from then until the last was done.
    """

    outcomes: list[Outcome | Exception]
    waited_s: float
    ran_s: float


class Ticket(Generic[Item, Outcome]):
    """A request in the batcher: its items, and what has come of them so far."""

    __slots__ = (
        "_deliver",
        "arrived",
        "background",
        "begun",
        "credit",
        "done",
        "in_turn",
        "items",
        "missing",
        "outcomes",
        "taken",
    )

    def __init__(
        self,
        items: Sequence[Item],
        deliver: Callable[[Served[Outcome] | Exception], None],
        *,
        background: bool,
    ) -> None:
        self.items = items
        self.background = background
        self.arrived = time.perf_counter()
        self.begun = 0.0
        self.taken = 0
        self.credit = 0
        self.in_turn = False
        self.outcomes: dict[int, Outcome | Exception] = {}
        self.missing = len(items)
        self.done = False
        self._deliver = deliver

    def finish(self, error: Exception | None = None) -> None:
        """Tell whoever asked, once: what came of the items, or the error if it came of all of them."""
        if self.done:
            return
        self.done = True
        outcomes = [] if error is not None else [self.outcomes[index] for index in range(len(self.items))]
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if error is None and len(errors) == len(outcomes):
            error = errors[0]
        if error is not None:
            self._deliver(error)
        else:
            self._deliver(Served(outcomes, self.begun - self.arrived, time.perf_counter() - self.begun))


_Entry = tuple[Ticket[Item, Outcome], int]
"""One item: its request, and its place there."""


@dataclass(slots=True)
class _Worker:
    """A thread, and since when it has been busy with one batch."""

    thread: threading.Thread | None = None
    busy_since: float | None = None
    left: bool = False


@dataclass(slots=True)
class _Queue(Generic[Item, Outcome]):
    """Requests that have items left to take, and how many items and what size wait in all."""

    tickets: deque[Ticket[Item, Outcome]] = field(default_factory=deque)

    def fill(self, size_of: Callable[[Item], int], *, limit: int, turn: int) -> list[_Entry[Item, Outcome]]:
        """Take items in turns, until the next one does not fit or none is left."""
        batch: list[_Entry[Item, Outcome]] = []
        size = 0
        while self.tickets:
            ticket = self.tickets[0]
            if not ticket.in_turn:
                ticket.in_turn = True
                ticket.credit += turn
            while ticket.taken < len(ticket.items) and not ticket.done:
                item_size = size_of(ticket.items[ticket.taken])
                if item_size > ticket.credit:
                    break
                size += item_size
                if batch and size > limit:
                    return batch  # its turn goes on in the next batch
                ticket.credit -= item_size
                batch.append((ticket, ticket.taken))
                ticket.taken += 1
            ticket.in_turn = False
            self.tickets.popleft()
            if ticket.taken < len(ticket.items) and not ticket.done:
                self.tickets.append(ticket)
        return batch


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
        self._turn = max(1, max_batch_size // _TURNS_A_BATCH)
        self._max_background_size = max(1, max_batch_size // _BACKGROUND_PART)
        self._interactive: _Queue[Item, Outcome] = _Queue()
        self._background: _Queue[Item, Outcome] = _Queue()
        self._passed_over = 0
        self._changed = threading.Condition(threading.Lock())
        self._closed = False
        self._last_taken = time.monotonic()
        self._workers = [_Worker() for _ in range(workers)]
        for number, worker in enumerate(self._workers):
            worker.thread = threading.Thread(
                target=self._work, args=(worker,), name=f"earshot-batcher-{number}", daemon=True
            )
            worker.thread.start()

    def submit(
        self,
        items: Sequence[Item],
        deliver: Callable[[Served[Outcome] | Exception], None],
        *,
        background: bool = False,
    ) -> Ticket[Item, Outcome]:
        """Put items in the queue.

        Args:
            items: At least one.
            deliver: Called once, on a thread of the batcher, with the outcomes, or with an error if `run` raised over
                each of the items. Must not raise.
            background: Whether others go first.

        Raises:
            BatcherStoppedError: Nobody is left to run them.
        """
        ticket = Ticket(items, deliver, background=background)
        with self._changed:
            if self._closed or all(worker.left for worker in self._workers):
                raise BatcherStoppedError("this batcher was closed, or its threads have died")
            if not self._interactive.tickets and not self._background.tickets:
                self._last_taken = time.monotonic()  # nothing waited until now
            self._queue_of(ticket).tickets.append(ticket)
            self._changed.notify(min(len(items), len(self._workers)))
        return ticket

    def abandon(self, ticket: Ticket[Item, Outcome]) -> None:
        """Forget a request that nobody waits for any more: none of its items that still wait is run."""
        with self._changed:
            ticket.done = True
            queue = self._queue_of(ticket)
            if ticket in queue.tickets:
                queue.tickets.remove(ticket)

    @property
    def waiting(self) -> int:
        """Items that wait."""
        with self._changed:
            queues = (self._interactive, self._background)
            return sum(len(ticket.items) - ticket.taken for queue in queues for ticket in queue.tickets)

    def is_alive(self) -> bool:
        """Whether no thread has died."""
        return self._closed or not any(worker.left for worker in self._workers)

    def stalled_s(self) -> float:
        """Seconds that the batch which has run longest is running, or that nothing was taken although something waits.

        A thread that hangs is told by nothing else.
        """
        now = time.monotonic()
        since = [worker.busy_since for worker in list(self._workers) if worker.busy_since is not None]
        if self._interactive.tickets or self._background.tickets:
            since.append(self._last_taken)
        return now - min(since, default=now)

    def close(self, timeout_s: float = math.inf) -> bool:
        """Let what waits be run, then end the threads.

        Args:
            timeout_s: How long to wait for them.

        Returns:
            Whether all have ended.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        end = time.monotonic() + timeout_s
        for worker in self._workers:
            if worker.thread is not None:
                worker.thread.join(None if timeout_s == math.inf else max(0, end - time.monotonic()))
        return all(worker.thread is None or not worker.thread.is_alive() for worker in self._workers)

    def _queue_of(self, ticket: Ticket[Item, Outcome]) -> _Queue[Item, Outcome]:
        return self._background if ticket.background else self._interactive

    def _work(self, worker: _Worker) -> None:
        batch: list[_Entry[Item, Outcome]] = []
        try:
            while batch := self._take(worker):
                try:
                    self._serve(batch)
                except Exception:  # whose fault it was is found out by running each request, then each item, alone
                    for _, entries in groupby(batch, key=lambda entry: id(entry[0])):
                        self._serve_alone(list(entries))
                worker.busy_since = None
        finally:  # an exception that gets here ends the thread; nobody is to wait for it
            self._leave(worker, [ticket for ticket, _ in batch])

    def _take(self, worker: _Worker) -> list[_Entry[Item, Outcome]]:
        """Wait for items and take as many as fit; none when it is time to end."""
        with self._changed:
            while not (batch := self._form()):
                if self._closed:
                    return []
                self._changed.wait()
            self._last_taken = worker.busy_since = time.monotonic()
        begun = time.perf_counter()
        for ticket, _ in batch:
            ticket.begun = ticket.begun or begun
        return batch

    def _form(self) -> list[_Entry[Item, Outcome]]:
        due = self._passed_over >= _BACKGROUND_EVERY - 1 and bool(self._background.tickets)
        if not due and (batch := self._interactive.fill(self._size_of, limit=self._max_batch_size, turn=self._turn)):
            self._passed_over += 1
            return batch
        self._passed_over = 0
        return self._background.fill(self._size_of, limit=self._max_background_size, turn=self._turn)

    def _serve(self, batch: list[_Entry[Item, Outcome]]) -> None:
        outcomes = self._run([ticket.items[index] for ticket, index in batch])
        self._keep(list(zip(batch, outcomes, strict=True)))

    def _keep(self, pairs: Sequence[tuple[_Entry[Item, Outcome], Outcome | Exception]]) -> None:
        finished = []
        with self._changed:  # a request's items may be in several batches
            for (ticket, index), outcome in pairs:
                ticket.outcomes[index] = outcome
                ticket.missing -= 1
                if not ticket.missing:
                    finished.append(ticket)
        for ticket in finished:
            ticket.finish()

    def _serve_alone(self, entries: list[_Entry[Item, Outcome]]) -> None:
        ticket, _ = entries[0]
        if ticket.done:
            return
        try:
            self._serve(entries)
        except Exception as error:
            if len(entries) == 1:
                self._keep([(entries[0], error)])
            for entry in entries if len(entries) > 1 else ():
                self._serve_alone([entry])

    def _fail(self, ticket: Ticket[Item, Outcome], error: Exception) -> None:
        ticket.finish(error)
        self.abandon(ticket)

    def _leave(self, worker: _Worker, held: Sequence[Ticket[Item, Outcome]]) -> None:
        with self._changed:
            worker.left = True
            lost = list(held)
            if all(other.left for other in self._workers):
                lost += [*self._interactive.tickets, *self._background.tickets]
        for ticket in lost:
            self._fail(ticket, BatcherStoppedError("the thread that should have judged these posts has died"))
