"""A teacher's opinion on posts that it did not learn from: K networks, each of which leaves out a fold.

What a network says of its own training posts repeats their labels. Cross-fitting (K-fold out-of-fold predictions, as in
Chernozhukov et al. 2018, arXiv 1608.00060, and in confident learning, Northcutt et al. 2021, arXiv 1911.00068) says of
each labelled post what a network thinks that never saw it, and of other posts what all K think on average. Those are
the answers that a student learns from, and that show where a label may be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earshot.calibration import Scores
from earshot.errors import EarshotError
from earshot.session import Logits
from earshot.taxonomy import Taxonomy
from training.answers import joined, mean_of
from training.checkpoint import Checkpoints, Progress
from training.class_weights import ClassWeights
from training.config import TrainingConfig
from training.dataset import Dataset
from training.fit_calibration import fit_calibration
from training.fit_encoder import Lesson
from training.kept_logits import keep, kept
from training.material import network_of
from training.request import Say
from training.splits import cut
from training.targets import Targets
from training.validation import epoch_line, validation_figures

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fold:
    """What one network learns from, and what it is asked about.

    Attributes:
        learned: Rows of the labelled posts.
        asked: The other rows.
    """

    learned: Rows
    asked: Rows


@dataclass(frozen=True, slots=True)
class CrossFit:
    """K networks over one labelled set.

    Attributes:
        dataset: Labelled posts.
        others: Normalized texts that all networks are asked about.
        config: Of each network.
        taxonomy: The labels.
        work: Keeps checkpoints, and the answers of each fold that is finished.
        fingerprint: Of data and configuration; answers of another cross-fit are not taken.
    """

    dataset: Dataset
    others: Sequence[str]
    config: TrainingConfig
    taxonomy: Taxonomy
    work: Path
    fingerprint: str

    def answers(self, folds: Sequence[Fold], say: Say) -> Scores:
        """Train what is not yet trained, and ask.

        Args:
            folds: Whose asked rows together are all labelled posts.
            say: Told of each fold's figures.

        Returns:
            Calibrated scores of the labelled posts, in order, and then of the others.

        Raises:
            EarshotError: The base model cannot be used, or the training was interrupted; what is finished is kept.
        """
        own, others = [], []
        for number, fold in enumerate(folds):
            ours, theirs = self.fold(number, fold, say)
            own.append(ours)
            others.append(theirs)
        order = np.argsort(np.concatenate([fold.asked for fold in folds]))
        unseen = Logits.joined(own).take(order)
        weights = ClassWeights.of(self.config.loss, self.taxonomy, self.dataset)
        calibration = fit_calibration(unseen, self.dataset, weights)
        for name, value in validation_figures(unseen, self.dataset, calibration).items():
            say(f"posts that the teacher did not learn from: {name} {value:.4f}")
        return joined([calibration.apply(unseen), mean_of([calibration.apply(one) for one in others])])

    def fold(self, number: int, fold: Fold, say: Say) -> tuple[Logits, Logits]:
        """One network: train it, and ask it about its fold and the other posts.

        Args:
            number: Of the fold, from 0; gives the seed.
            fold: What to learn, and what to ask.
            say: Told of each epoch's figures.

        Returns:
            Logits of the fold's asked rows, and of the other posts.
        """
        path = self.work / f"fold-{number + 1}.npz"
        if (found := kept(path, self.fingerprint)) is None:
            found = self._fit(number, fold, say)
            keep(path, found, self.fingerprint)
        return found.take(np.arange(len(fold.asked))), found.take(
            np.arange(len(fold.asked), len(fold.asked) + len(self.others))
        )

    def _fit(self, number: int, fold: Fold, say: Say) -> Logits:
        config = self.config.model_copy(update={"seed": self.config.seed + number})
        _, fit = network_of(config, self.taxonomy)
        learned, asked = self.dataset.take(fold.learned), self.dataset.take(fold.asked)
        weights = ClassWeights.of(config.loss, self.taxonomy, learned)
        lesson = Lesson(learned.texts, Targets.of_labels(learned, self.taxonomy, weights, config.loss))

        def on_epoch_end(epoch: int, figures: dict[str, float]) -> None:
            say(f"fold {number + 1}, {epoch_line(epoch, config.optimization.epochs, figures)}")

        checkpoints = Checkpoints(self.work / f"fold-{number + 1}")
        progress = Progress(f"{self.fingerprint} fold {number + 1} of {len(fold.asked)}")
        fit.run(lesson, asked, checkpoints, progress, resume=checkpoints.exists(), on_epoch_end=on_epoch_end)
        logits = fit.ask([*asked.texts, *self.others])
        checkpoints.forget()
        return logits


def folds_of(dataset: Dataset, groups: Rows, count: int, seed: int) -> list[Fold]:
    """Cut labelled posts into folds, categories in proportion and groups whole.

    Args:
        dataset: The posts.
        groups: `[posts]`, the group of each, such as its near-duplicates'.
        count: How many folds, at least 2.
        seed: Of the cut.

    Raises:
        EarshotError: There are fewer groups than folds.
    """
    if len(np.unique(groups)) < count:
        raise EarshotError(f"{len(dataset)} posts cannot be cut into {count} folds: ask for fewer, or add posts")
    rows = np.arange(len(dataset))
    return [Fold(np.setdiff1d(rows, asked), asked) for asked in cut(dataset.category, groups, count, seed)]
