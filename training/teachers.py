"""What teachers say of posts: finished bundles, asked exactly as they are served, and averaged.

Answers are kept, since asking takes minutes. Knows nothing of the network that will learn from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from earshot.bundle import Bundle
from earshot.calibration import Scores
from earshot.session import Logits, OnnxSession
from earshot.taxonomy import Taxonomy
from training.config import ConfigError

_POSTS_AT_ONCE = 512


def load_teachers(folders: Sequence[str], taxonomy: Taxonomy) -> list[Bundle]:
    """Load and verify bundles.

    Args:
        folders: Their folders.
        taxonomy: The labels that they must have, in this order.

    Raises:
        BundleError: One cannot be loaded.
        ConfigError: One has other labels.
    """
    bundles = [Bundle.load(folder) for folder in folders]
    for bundle in bundles:
        theirs = bundle.manifest.taxonomy
        if (theirs.category_names, theirs.urgency_names) != (taxonomy.category_names, taxonomy.urgency_names):
            raise ConfigError(f"distillation.teachers: {bundle.folder} has other labels than the taxonomy")
    return bundles


def ask(bundles: Sequence[Bundle], texts: Sequence[str], answers: Path) -> Scores:
    """The mean of the teachers' calibrated scores.

    Args:
        bundles: At least one.
        texts: Normalized texts.
        answers: A folder that keeps each teacher's answers.
    """
    said = [_ask_one(bundle, texts, answers) for bundle in bundles]
    urgency = [scores.urgency for scores in said if scores.urgency is not None]
    return Scores(
        category=np.mean([scores.category for scores in said], axis=0),
        secondary=np.mean([scores.secondary for scores in said], axis=0),
        urgency=np.mean(urgency, axis=0) if urgency else None,
    )


def _ask_one(bundle: Bundle, texts: Sequence[str], answers: Path) -> Scores:
    question = hashlib.sha256("\0".join([bundle.manifest.digest, *texts]).encode()).hexdigest()
    kept = answers / f"{question[:32]}.npz"
    if not kept.is_file():
        logits = _run(bundle, texts)
        answers.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".tmp.npz")
        urgency = np.zeros((len(texts), 0), np.float32) if logits.urgency is None else logits.urgency
        np.savez(unfinished, category=logits.category, secondary=logits.secondary, urgency=urgency)
        unfinished.replace(kept)
    with np.load(kept) as arrays:
        urgency = arrays["urgency"]
        said = Logits(arrays["category"], arrays["secondary"], urgency if urgency.shape[1] else None)
    return bundle.manifest.calibration.apply(said)


def _run(bundle: Bundle, texts: Sequence[str]) -> Logits:
    tokenizer = bundle.tokenizer()
    session = OnnxSession(bundle.graph_path)
    parts: list[Logits] = []
    try:
        with tqdm(total=len(texts), desc=f"asking {bundle.manifest.name}", unit="post", disable=None) as bar:
            for start in range(0, len(texts), _POSTS_AT_ONCE):
                some = texts[start : start + _POSTS_AT_ONCE]
                parts.append(session.run([encoding.ids for encoding in tokenizer.encode(some)]))
                bar.update(len(some))
    finally:
        session.close()
    return Logits.joined(parts)
