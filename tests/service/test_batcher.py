from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.batcher import Batcher


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
    served = batcher().submit([1, 2]).result(30)
    assert served.outcomes == [2, 4]
    assert min(served.waited_s, served.ran_s) >= 0
    assert gate.batches == [[1, 2]]


def test_what_waits_while_the_worker_is_busy_is_run_together_up_to_the_limit(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    gate.open.clear()
    futures = [made.submit([9])]
    assert gate.entered.acquire(timeout=30)
    futures += [made.submit(items) for items in ([1, 2], [3], [5], [40], [1])]
    gate.open.set()
    assert [future.result(30).outcomes for future in futures] == [[18], [2, 4], [6], [10], [80], [2]]
    assert gate.batches == [[9], [1, 2, 3], [5], [40], [1]]


def test_a_failure_hits_only_the_request_at_fault(gate: Gate, batcher: Callable[..., Batcher[int, int]]) -> None:
    made = batcher(max_batch_size=100)
    gate.open.clear()
    first = made.submit([1])
    assert gate.entered.acquire(timeout=30)
    good, bad, better = made.submit([2]), made.submit([13, 3]), made.submit([4])
    gate.open.set()
    assert [future.result(30).outcomes for future in (first, good, better)] == [[2], [4], [8]]
    with pytest.raises(ValueError, match="thirteen"):
        bad.result(30)


def test_a_request_that_is_cancelled_while_it_waits_is_not_run(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    gate.open.clear()
    first = made.submit([1])
    assert gate.entered.acquire(timeout=30)
    left, stays = made.submit([2]), made.submit([3])
    assert left.cancel()
    gate.open.set()
    assert stays.result(30).outcomes == [6]
    assert first.result(30).outcomes == [2]
    with pytest.raises(CancelledError):
        left.result(30)
    assert gate.batches == [[1], [3]]


def test_a_closed_batcher_has_run_what_waited_and_takes_no_more(
    gate: Gate, batcher: Callable[..., Batcher[int, int]]
) -> None:
    made = batcher()
    futures = [made.submit([item]) for item in range(1, 6)]
    made.close()
    assert [future.result(0).outcomes for future in futures] == [[2 * item] for item in range(1, 6)]
    with pytest.raises(RuntimeError, match="closed"):
        made.submit([1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(14, 40), min_size=1, max_size=20), max_size=20), st.integers(1, 4))
def test_nothing_is_lost_or_mixed_up(requests: list[list[int]], workers: int) -> None:
    made = Batcher[int, int](Gate().run, size_of=lambda item: item, max_batch_size=60, workers=workers)
    futures = [made.submit(items) for items in requests]
    assert [future.result(30).outcomes for future in futures] == [[2 * item for item in items] for items in requests]
    made.close()
