"""What teachers say of posts, averaged: finished bundles, asked exactly as they are served, or answers in a file.

A bundle's answers are kept, since asking takes minutes. Knows nothing of the network that will learn from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from earshot.bundle import Bundle
from earshot.calibration import Scores
from earshot.session import Logits, OnnxSession
from earshot.taxonomy import Taxonomy
from training.answers import SUFFIX, Answers, mean_of
from training.config import ConfigError
from training.kept_logits import keep, kept

_POSTS_AT_ONCE = 512


Teacher = Bundle | Answers


def load_teachers(names: Sequence[str], taxonomy: Taxonomy) -> list[Teacher]:
    """Load and verify teachers.

    Args:
        names: Bundle folders, or files of answers (`.npz`, see `training/answers.py`).
        taxonomy: The labels that they must have, in this order.

    Raises:
        BundleError: A bundle cannot be loaded.
        ConfigError: A file of answers cannot be read, or a teacher has other labels.
    """
    return [
        Answers.load(Path(name), taxonomy) if name.endswith(SUFFIX) else _load_bundle(name, taxonomy) for name in names
    ]


def _load_bundle(folder: str, taxonomy: Taxonomy) -> Bundle:
    bundle = Bundle.load(folder)
    theirs = bundle.manifest.taxonomy
    if (theirs.category_names, theirs.urgency_names) != (taxonomy.category_names, taxonomy.urgency_names):
        raise ConfigError(f"distillation.teachers: {bundle.folder} has other labels than the taxonomy")
    return bundle


def answered_by(teachers: Sequence[Teacher], texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which texts every teacher has an opinion on: a bundle on all, a file of answers on what it was asked about.

    Args:
        teachers: Any number.
        texts: Normalized texts.

    Returns:
        `[texts]`.
    """
    known = np.ones(len(texts), np.bool_)
    for one in teachers:
        if isinstance(one, Answers):
            known &= one.knows(texts)
    return known


def ask(teachers: Sequence[Teacher], texts: Sequence[str], work: Path) -> Scores:
    """The mean of the teachers' calibrated scores.

    Args:
        teachers: At least one.
        texts: Normalized texts.
        work: A folder that keeps each bundle's answers.

    Raises:
        ConfigError: A file of answers lacks some of the texts.
    """
    return mean_of([one.of(texts) if isinstance(one, Answers) else _ask_one(one, texts, work) for one in teachers])


def _ask_one(bundle: Bundle, texts: Sequence[str], answers: Path) -> Scores:
    question = hashlib.sha256("\0".join([bundle.manifest.digest, *texts]).encode()).hexdigest()
    path = answers / f"{question[:32]}.npz"
    if (said := kept(path, question)) is None:
        said = _run(bundle, texts)
        keep(path, said, question)
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
