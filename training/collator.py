"""Token ids to batches: which posts share a step, and how they are padded. Knows nothing of labels or networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Ids = npt.NDArray[np.int64]
_BATCHES_PER_BUCKET = 50


def pad(ids: Sequence[Ids], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad posts to the longest of them.

    Args:
        ids: Token ids of each post.
        padding: The id to fill up with.

    Returns:
        Input ids and attention mask, each `[posts, tokens]`, int64.
    """
    longest = max(len(row) for row in ids)
    padded = np.full((len(ids), longest), padding, np.int64)
    mask = np.zeros((len(ids), longest), np.int64)
    for index, row in enumerate(ids):
        padded[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return torch.from_numpy(padded), torch.from_numpy(mask)


def length_grouped_batches(lengths: npt.NDArray[np.int64], batch_size: int, seed: int, epoch: int) -> list[Ids]:
    """Shuffle posts into batches of similar length: little padding, and still another order in each epoch.

    The order depends on nothing but seed and epoch, so a resumed training finds the same batches again.

    Args:
        lengths: `[posts]`, tokens of each.
        batch_size: Posts per batch; the last may hold fewer.
        seed: Of the training.
        epoch: From 0.

    Returns:
        Rows of each batch; every post is in exactly one.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    bucket = batch_size * _BATCHES_PER_BUCKET
    batches: list[Ids] = []
    for start in range(0, len(order), bucket):
        rows = order[start : start + bucket]
        rows = rows[np.argsort(-lengths[rows], kind="stable")]
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [batches[index] for index in random.permutation(len(batches))]


@dataclass(frozen=True, slots=True)
class Part:
    """Posts of a batch that go through the network at once.

    Attributes:
        rows: Which.
        weight: Their share of the batch's posts; the shares of all parts, in all processes, sum to 1. Posts that only
            keep a process busy have none.
    """

    rows: Ids
    weight: float


def parts(rows: Ids, ids: Sequence[Ids], max_tokens: int, *, process: int = 0, processes: int = 1) -> list[Part]:
    """What one process does of a batch, in parts that fit into its memory.

    So neither the number of processes nor their memory changes what a step learns from.

    Args:
        rows: The posts of the batch.
        ids: Token ids of all posts.
        max_tokens: The most tokens in a part, padding included; a longer post is a part by itself.
        process: Of this process, from 0.
        processes: How many share the batch.

    Returns:
        At least one part: a process without a post of its own still takes part in the step, by one that counts 0.
    """
    mine = rows[process::processes]
    if not len(mine):
        return [Part(rows[:1], 0.0)]
    lengths = [len(ids[row]) for row in mine]
    return [Part(mine[piece], (piece.stop - piece.start) / len(rows)) for piece in pieces(lengths, max_tokens)]


def pieces(lengths: Sequence[int], max_tokens: int) -> list[slice]:
    """Cut a list of posts where a padded batch would grow too large.

    Args:
        lengths: Tokens of each post.
        max_tokens: The most tokens in a piece, padding included; a longer post is a piece by itself.
    """
    cuts, start, longest = [], 0, 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        if index > start and longest * (index + 1 - start) > max_tokens:
            cuts.append(slice(start, index))
            start, longest = index, length
    return [*cuts, slice(start, len(lengths))] if lengths else []
