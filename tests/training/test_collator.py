from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.collator import length_grouped_batches, pad

LENGTHS = st.lists(st.integers(3, 256), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.integers(0, 9))
def test_every_post_is_in_exactly_one_batch(lengths: list[int], size: int, epoch: int) -> None:
    batches = length_grouped_batches(np.array(lengths), size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(len(batch) for batch in batches) <= size


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = np.arange(3, 203)
    first, again = (length_grouped_batches(lengths, 8, seed=5, epoch=2) for _ in range(2))
    other = length_grouped_batches(lengths, 8, seed=5, epoch=3)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in other]


def test_batches_hold_posts_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 200, 1000)
    batches = length_grouped_batches(lengths, 10, seed=0, epoch=0)
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < 20


def test_padding_fills_up_to_the_longest_post() -> None:
    ids, mask = pad([np.array([5, 6, 7]), np.array([8])], padding=0)
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
