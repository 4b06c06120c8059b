"""Logits that took long to compute, kept in an `.npz`. Knows nothing of networks or of what they were asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from earshot.session import Logits


def keep(path: Path, logits: Logits, question: str) -> None:
    """Write logits, whole or not at all.

    Args:
        path: Ends in `.npz`; its folder is created when missing.
        logits: To keep.
        question: What they answer, such as a fingerprint of model and posts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    urgency = np.zeros((len(logits.category), 0), np.float32) if logits.urgency is None else logits.urgency
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, question=question, category=logits.category, secondary=logits.secondary, urgency=urgency)
    unfinished.replace(path)


def kept(path: Path, question: str) -> Logits | None:
    """Read them again; None where there are none, or they answer another question, or an older version kept them."""
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        if "question" not in arrays or str(arrays["question"]) != question:
            return None
        urgency = arrays["urgency"]
        return Logits(arrays["category"], arrays["secondary"], urgency if urgency.shape[1] else None)
