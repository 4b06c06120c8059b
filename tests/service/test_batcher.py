from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batcher import Batcher, BatcherStoppedError, Served, Ticket


class Gate:
    """A `run` that doubles numbers, can be held back, and remembers its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def run(self, items: Sequence[int]) -> list[int]:
        self.entered.release()
        assert self.open.wait(timeout=30)
        self.batches.append(list(items))
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def submit(batcher: Batcher[int, int], items: Sequence[int], *, background: bool = False) -> Future[Served[int]]:
    """Submit, and get a future for what is delivered."""
    return submit_ticket(batcher, items, background=background)[1]


def submit_ticket(
    batcher: Batcher[int, int], items: Sequence[int], *, background: bool = False
) -> tuple[Ticket[int, int], Future[Served[int]]]:
    future: Future[Served[int]] = Future()

    def deliver(outcome: Served[int] | Exception) -> None:
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    return batcher.submit(items, deliver, background=background), future


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def batcher(gate: Gate) -> Iterator[Callable[..., Batcher[int, int]]]:
    made: list[Batcher[int, int]] = []

    def make(*, max_batch_size: int = 10, workers: int = 1) -> Batcher[int, int]:
        made.append(Batcher(gate.run, size_of=lambda item: item, max_batch_size=max_batch_size, workers=workers))
        return made[-1]

    yield make
    gate.open.set()
    for each in made:
        each.close()


def test_a_lone_request_is_run_at_once(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    served = submit(batcher(), [1, 2]).result(30)
    assert served.outcomes == [2, 4]
    assert min(served.waited_s, served.ran_s) >= 0
    assert gate.batches == [[1, 2]]


def test_what_waits_while_the_worker_is_busy_is_run_together_up_to_the_limit(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    gate.open.clear()
    futures = [submit(made, [9])]
    assert gate.entered.acquire(timeout=30)
    futures += [submit(made, items) for items in ([1, 2], [3], [5], [40], [1])]
    gate.open.set()
    assert [future.result(30).outcomes for future in futures] == [[18], [2, 4], [6], [10], [80], [2]]
    assert gate.batches == [[9], [1, 1, 2, 3], [5], [40]]


def test_a_failure_hits_only_the_item_at_fault(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    made = batcher(max_batch_size=100)
    gate.open.clear()
    first = submit(made, [1])
    assert gate.entered.acquire(timeout=30)
    good, bad, better = submit(made, [2]), submit(made, [13, 3]), submit(made, [4])
    gate.open.set()
    assert [future.result(30).outcomes for future in (first, good, better)] == [[2], [4], [8]]
    error, outcome = bad.result(30).outcomes
    assert isinstance(error, ValueError)
    assert outcome == 6
    with pytest.raises(ValueError, match="thirteen"):
        submit(made, [13, 13]).result(30)


def test_a_request_that_is_abandoned_while_it_waits_is_not_run(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    gate.open.clear()
    first = submit(made, [1])
    assert gate.entered.acquire(timeout=30)
    ticket, left = submit_ticket(made, [2])
    stays = submit(made, [3])
    assert made.waiting == 2
    made.abandon(ticket)
    assert made.waiting == 1
    gate.open.set()
    assert stays.result(30).outcomes == [6]
    assert first.result(30).outcomes == [2]
    assert not left.done()
    assert gate.batches == [[1], [3]]


def test_a_small_request_is_in_the_next_batch_although_a_large_one_waits(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher(max_batch_size=8)
    gate.open.clear()
    futures = [submit(made, [8])]
    assert gate.entered.acquire(timeout=30)
    futures += [submit(made, items) for items in ([1] * 50, [2, 2, 2], [1])]
    gate.open.set()
    for future in futures:
        future.result(30)
    assert gate.batches[1] == [1, 1, 2, 1, 1, 1]  # a turn is worth 2 of 8
    assert gate.batches[2] == [2, 1, 1, 2, 1, 1]
    assert {1} == set().union(*gate.batches[3:])


def test_a_large_item_gets_its_turn_too(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    made = batcher(max_batch_size=8)
    gate.open.clear()
    futures = [submit(made, [8])]
    assert gate.entered.acquire(timeout=30)
    futures += [submit(made, items) for items in ([40], [1] * 100, [7])]
    gate.open.set()
    for future in futures:
        future.result(30)
    assert gate.batches.index([40]) < len(gate.batches) - 1
    assert sorted(item for batch in gate.batches for item in batch) == [1] * 100 + [7, 8, 40]


def test_background_work_waits_for_others_and_is_run_in_small_batches(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher(max_batch_size=9)
    gate.open.clear()
    futures = [submit(made, [9])]
    assert gate.entered.acquire(timeout=30)
    futures += [submit(made, [3, 3, 3], background=True), submit(made, [4, 4, 4])]
    gate.open.set()
    for future in futures:
        future.result(30)
    assert gate.batches == [[9], [4, 4], [4], [3], [3], [3]]


def test_background_work_gets_on_however_much_else_waits(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    made = batcher(max_batch_size=1)
    gate.open.clear()
    futures = [submit(made, [1])]
    assert gate.entered.acquire(timeout=30)
    futures += [submit(made, [0], background=True), submit(made, [1] * 20)]
    gate.open.set()
    for future in futures:
        future.result(30)
    assert gate.batches.index([0]) < 10


def test_a_batch_that_hangs_is_told_and_so_is_one_that_is_done(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    assert made.stalled_s() == 0
    gate.open.clear()
    future = submit(made, [1])
    assert gate.entered.acquire(timeout=30)
    first = made.stalled_s()
    while made.stalled_s() <= first:
        time.sleep(0.001)
    gate.open.set()
    future.result(30)
    while made.stalled_s():
        time.sleep(0.001)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_has_died() -> None:
    def run(items: Sequence[int]) -> list[int]:
        raise SystemExit

    made = Batcher[int, int](run, size_of=lambda item: item, max_batch_size=1, workers=1)
    with pytest.raises(BatcherStoppedError):
        submit(made, [1]).result(30)
    assert not made.is_alive()
    with pytest.raises(BatcherStoppedError):
        submit(made, [2])
    assert made.close(timeout_s=30)


def test_closing_does_not_wait_for_a_thread_that_hangs(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    made = batcher()
    gate.open.clear()
    submit(made, [1])
    assert gate.entered.acquire(timeout=30)
    assert not made.close(timeout_s=0.01)


def test_a_closed_batcher_has_run_what_waited_and_takes_no_more(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    futures = [submit(made, [item]) for item in range(1, 6)]
    made.close()
    assert [future.result(0).outcomes for future in futures] == [[2 * item] for item in range(1, 6)]
    with pytest.raises(BatcherStoppedError, match="closed"):
        submit(made, [1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(14, 40), min_size=1, max_size=20), max_size=20), st.integers(1, 4))
def test_nothing_is_lost_or_mixed_up(requests: list[list[int]], workers: int) -> None:
    made = Batcher[int, int](Gate().run, size_of=lambda item: item, max_batch_size=60, workers=workers)
    futures = [submit(made, items) for items in requests]
    assert [future.result(30).outcomes for future in futures] == [[2 * item for item in items] for items in requests]
    made.close()
