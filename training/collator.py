"""Token ids to batches: which posts share a step, and how they are padded. Knows nothing of labels or networks."""

from __future__ import annotations

from collections.abc import Sequence

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
