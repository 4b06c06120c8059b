"""Which posts share a run: about as many tokens in each, posts of like length together. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]

MAX_BATCH_TOKENS = 192
"""Tokens in one run: enough for the products to be efficient, few enough for the activations to stay in cache.

Also the bound on memory: a session holds about `threads * MAX_BATCH_TOKENS` tokens in flight, or a long post's.
"""
_MIN_BATCH_TOKENS = 48
"""Fewer are not worth a run of their own while another thread is idle."""


def batches(lengths: Sequence[int], threads: int, max_batch_tokens: int = MAX_BATCH_TOKENS) -> list[Rows]:
    """Distribute posts over runs.

    Args:
        lengths: Tokens of each post.
        threads: Runs that go on at once; all of them get something to do.
        max_batch_tokens: Tokens in one run; only a single longer post exceeds it.

    Returns:
        The rows of each run, the longest posts first; every post is in exactly one.
    """
    tokens = np.asarray(lengths, np.int64)
    share = -(-int(tokens.sum()) // threads)
    limit = min(max_batch_tokens, max(share, _MIN_BATCH_TOKENS))
    order = np.argsort(-tokens, kind="stable")
    runs: list[Rows] = []
    start, held = 0, 0
    for place, length in enumerate(tokens[order].tolist()):
        if held and held + length > limit:
            runs.append(order[start:place])
            start, held = place, 0
        held += length
    return [*runs, order[start:]]
