from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.budget import TokenBudget
from service.errors import OverloadedError


def budget(max_pending_tokens: int = 4000) -> TokenBudget:
    return TokenBudget(max_pending_tokens, max_wait_s=0.5, threads=2)


def test_what_fits_is_let_in_and_what_does_not_is_refused() -> None:
    made = budget(100)
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(made.taken(25))
        with pytest.raises(OverloadedError, match="100 tokens are under way and at most 100 may be"):
            made.check()
        with pytest.raises(OverloadedError), made.taken(1):
            pass
    assert made.pending_tokens == 0
    made.check()


def test_a_request_counts_a_quarter_at_most() -> None:
    made = budget(100)
    with made.taken(100_000):
        assert made.pending_tokens == 25


def test_a_slow_machine_lets_in_what_it_judges_in_the_time_that_may_be_waited() -> None:
    made = budget()
    assert made.limit == 4000
    made.ran(200, 0.1)  # two threads: 4000 tokens a second
    assert made.limit == 2000
    for _ in range(1000):
        made.ran(200, 0.2)
    assert made.limit == pytest.approx(1000, abs=1)
    for _ in range(1000):
        made.ran(200, 0.001)
    assert made.limit == 4000


def test_however_slow_it_is_something_is_let_in() -> None:
    made = budget()
    made.ran(1, 1000)
    with made.taken(256):
        assert made.pending_tokens == 128


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 100))), st.lists(st.integers(1, 10_000)))
def test_what_is_under_way_never_exceeds_the_limit(batches: list[tuple[int, float]], requests: list[int]) -> None:
    made = budget()
    for tokens, seconds in batches:
        made.ran(tokens, seconds)
    with ExitStack() as held:
        for tokens in requests:
            try:
                held.enter_context(made.taken(tokens))
            except OverloadedError:
                continue
            assert made.pending_tokens <= made.limit <= made.max_pending_tokens
    assert made.pending_tokens == 0
