from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earshot.packing import batches

LENGTHS = st.lists(st.integers(2, 300), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 8), st.integers(1, 400))
def test_every_post_is_in_one_run_and_no_run_exceeds_the_limit_but_for_one_long_post(
    lengths: list[int], threads: int, limit: int
) -> None:
    runs = batches(lengths, threads, limit)
    assert sorted(np.concatenate(runs).tolist()) == list(range(len(lengths)))
    assert all(len(run) == 1 or sum(lengths[row] for row in run) <= limit for run in runs)


@given(LENGTHS)
def test_posts_of_like_length_share_a_run(lengths: list[int]) -> None:
    inner = [[lengths[row] for row in run] for run in batches(lengths, 2, 100)]
    for longer, shorter in itertools.pairwise(inner):
        assert min(longer) >= max(shorter)


def test_idle_threads_get_a_share() -> None:
    assert len(batches([27] * 16, 2, 1000)) == 2


def test_few_tokens_are_not_torn_apart() -> None:
    assert len(batches([5, 6, 7], 8, 1000)) == 1
