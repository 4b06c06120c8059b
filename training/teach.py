"""From labelled and unlabelled files to a file of a teacher's answers. Knows nothing of bundles or export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.answers import save_answers
from training.cross_fit import CrossFit, folds_of
from training.dataset import load_dataset
from training.held_out import rows_apart_from
from training.request import Request, Say
from training.splits import near_duplicate_groups
from training.texts import read_texts


def teach(request: Request, folds: int, unlabelled: Sequence[Path], say: Say) -> Path:
    """Cross-fit a teacher, and write what it says of every post (see `training/cross_fit.py`).

    Args:
        request: What to learn from; its `output` is the file to write.
        folds: How many networks.
        unlabelled: Files of further posts to answer on.
        say: Told what is going on, a line at a time.

    Returns:
        The file of answers.

    Raises:
        EarshotError: Data or configuration cannot be used, or the training was interrupted.
    """
    config = request.config
    dataset, sources = load_dataset(
        request.data, request.taxonomy, columns=request.columns, skip_bad_rows=request.skip_bad_rows, say=say
    )
    read = [read_texts(path, request.columns) for path in unlabelled]
    others = [text for texts in read for text in texts.texts]
    digests = [source.sha256 for source in sources] + [texts.sha256 for texts in read]
    similarity = config.split.near_duplicate_similarity
    learned = dataset.take(rows_apart_from(dataset.texts, request, say))
    cut = folds_of(learned, near_duplicate_groups(learned.texts, similarity), folds, config.seed)
    fingerprint = f"{request.fingerprint(sources, digests)} in {folds} folds"
    work = CrossFit(learned, others, config, request.taxonomy, request.work, fingerprint)
    say(f"{len(learned)} labelled posts in {folds} folds, {len(others)} posts besides")
    scores = work.answers(cut, say)
    name, version = config.export.name, config.export.version
    save_answers(request.output, [*learned.texts, *others], scores, request.taxonomy, name=name, version=version)
    return request.output
