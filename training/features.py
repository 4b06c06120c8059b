"""The pooled vectors of a whole encoder, which a student with fewer of its layers shall still give.

Knows nothing of labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from training.collator import Ids, pad
from training.model import PostClassifier

Float = npt.NDArray[np.float32]
_POSTS_AT_ONCE = 64


def pooled_vectors(model: PostClassifier, ids: Sequence[Ids], padding: int, key: str, kept_in: Path) -> Float:
    """Run posts through an encoder, once: the vectors are kept.

    Args:
        model: Its encoder and pooling; the heads are not asked.
        ids: Token ids of each post.
        padding: The id to fill up with.
        key: Names the encoder; the vectors of another one are not taken for its own.
        kept_in: A folder for them.

    Returns:
        `[posts, width]`, in the order of the posts.
    """
    digest = hashlib.sha256(key.encode())
    for row in ids:
        digest.update(row.tobytes())
    kept = kept_in / f"{digest.hexdigest()[:32]}.npy"
    if not kept.is_file():
        kept_in.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".tmp.npy")
        np.save(unfinished, pool_posts(model, ids, padding))
        unfinished.replace(kept)
    return np.asarray(np.load(kept), np.float32)


@torch.inference_mode()
def pool_posts(model: PostClassifier, ids: Sequence[Ids], padding: int) -> Float:
    """The pooled vectors of posts as the network is now, `[posts, width]`, in their order."""
    model.eval()
    device = next(model.parameters()).device
    order = np.argsort([-len(row) for row in ids], kind="stable")
    parts = []
    with tqdm(total=len(ids), desc="pooled vectors", unit="post", disable=None) as bar:
        for start in range(0, len(ids), _POSTS_AT_ONCE):
            some = order[start : start + _POSTS_AT_ONCE]
            input_ids, mask = (tensor.to(device) for tensor in pad([ids[row] for row in some], padding))
            parts.append(model.pool(input_ids, mask).cpu().numpy())
            bar.update(len(some))
    return np.asarray(np.concatenate(parts)[np.argsort(order)])
