from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.collator import length_grouped_batches, pad, parts, pieces

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


@given(LENGTHS, st.integers(1, 5), st.integers(1, 4000))
def test_processes_share_a_batch_without_losing_or_repeating_a_post(
    lengths: list[int], processes: int, most: int
) -> None:
    ids = [np.zeros(length, np.int64) for length in lengths]
    rows = np.arange(len(lengths))[::-1]
    shares = [parts(rows, ids, most, process=process, processes=processes) for process in range(processes)]
    assert all(shares), "every process takes part in every step"
    counted = [part for share in shares for part in share if part.weight > 0]
    assert sorted(np.concatenate([part.rows for part in counted]).tolist()) == list(range(len(lengths)))
    assert sum(part.weight for part in counted) == pytest.approx(1)
    assert all(part.weight == pytest.approx(len(part.rows) / len(lengths)) for part in counted)


def test_one_process_takes_a_batch_whole_and_in_its_order() -> None:
    rows = np.array([4, 1, 3])
    (part,) = parts(rows, [np.zeros(9, np.int64)] * 5, max_tokens=27)
    assert (part.rows.tolist(), part.weight) == ([4, 1, 3], 1.0)


@given(LENGTHS, st.integers(1, 4000))
def test_no_piece_holds_more_tokens_than_it_may(lengths: list[int], most: int) -> None:
    cut = [lengths[piece] for piece in pieces(lengths, most)]
    assert [length for piece in cut for length in piece] == lengths
    assert all(len(piece) == 1 or len(piece) * max(piece) <= most for piece in cut)
    # Not one cut more than needed: the next post would not have fitted.
    fuller = [[*piece, following[0]] for piece, following in itertools.pairwise(cut)]
    assert all(len(piece) * max(piece) > most for piece in fuller)
