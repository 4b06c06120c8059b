"""What a training learns from besides its labelled posts: teachers, and posts that only they have labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earshot.bundle import TrainingData
from training.config import ConfigError
from training.fit_encoder import Lesson
from training.held_out import apart_from
from training.request import Request, Say
from training.targets import Targets
from training.teachers import Teacher, answered_by, ask, load_teachers
from training.texts import read_texts


@dataclass(frozen=True, slots=True)
class Pupil:
    """Who is taught.

    Attributes:
        teachers: Whose scores are learned from.
        unlabelled: Normalized texts without labels.
        sources: Every file that is learned from, labelled ones first.
    """

    teachers: list[Teacher]
    unlabelled: list[str]
    sources: tuple[TrainingData, ...]

    @classmethod
    def of(cls, request: Request, labelled: tuple[TrainingData, ...]) -> Pupil:
        """Load teachers and unlabelled posts.

        Args:
            request: Names them.
            labelled: The files of labelled posts.

        Raises:
            EarshotError: Teachers or files cannot be used.
        """
        config = request.config.distillation
        if config.unlabelled and not config.teachers:
            raise ConfigError("distillation.unlabelled needs distillation.teachers, who label the posts")
        sources, texts = list(labelled), list[str]()
        for name in config.unlabelled:
            path = Path(name)
            read = read_texts(path, request.columns)
            texts += read.texts
            sources.append(
                TrainingData(name=path.name, sha256=read.sha256, rows=len(read.texts), skipped_rows=read.skipped_rows)
            )
        return cls(load_teachers(config.teachers, request.taxonomy), texts, tuple(sources))

    def lesson(self, labelled: Lesson, validation: Sequence[str], request: Request, say: Say) -> Lesson:
        """Blend the teachers' opinions into the labels, and append the unlabelled posts with those alone.

        Labelled posts that a teacher was never asked about are learned by their labels; unlabelled ones are left out.

        Args:
            labelled: What is learned without teachers.
            validation: Texts that are validated on: teachers may have learned from them, so nothing is learned here.
            request: The configuration.
            say: Told how many unlabelled posts there are to learn from, and how many have only a label.

        Raises:
            ConfigError: The teachers have no opinion on any labelled post.
        """
        if not self.teachers:
            return labelled
        config, taxonomy = request.config.distillation, request.taxonomy
        own = len(labelled)
        texts = [*labelled.texts, *self._learnable({*labelled.texts, *validation}, request)]
        known = answered_by(self.teachers, texts)
        _check_asked(request, known[:own], say)
        asked = np.flatnonzero(known)
        silent = None if taxonomy.out_of_scope is None else taxonomy.category_names.index(taxonomy.out_of_scope)
        scores = ask(self.teachers, [texts[row] for row in asked], request.work / "teachers")
        taught = Targets.of_scores(scores, silent)
        blended = labelled.targets.blended(
            taught.take(np.flatnonzero(asked < own)), 1 - config.label_share, asked[asked < own]
        )
        others = np.flatnonzero(asked >= own)
        if silent is not None:
            others = others[taught.category[others, silent] <= config.max_out_of_scope]
        say(f"{len(others)} of {len(self.unlabelled)} unlabelled posts to learn from as well")
        alone = taught.take(others).weighing(config.unlabelled_weight)
        return Lesson([*labelled.texts, *(texts[row] for row in asked[others])], blended.followed_by(alone))

    def _learnable(self, known: set[str], request: Request) -> list[str]:
        """The unlabelled posts that are not labelled after all, and don't nearly repeat a held-out one."""
        similarity = request.config.split.near_duplicate_similarity
        apart = apart_from(self.unlabelled, request.held_out, similarity, request.columns)
        return [text for text, is_apart in zip(self.unlabelled, apart, strict=True) if is_apart and text not in known]


def _check_asked(request: Request, known: npt.NDArray[np.bool_], say: Say) -> None:
    """Say what the teachers were never asked about; that it is everything is a mistake."""
    names = ", ".join(request.config.distillation.teachers)
    if not known.any():
        raise ConfigError(
            f"distillation.teachers: {names} was never asked about any of the {len(known)} labelled posts: "
            "ask it about the same files (earshot teach)"
        )
    if not known.all():
        say(f"{(~known).sum()} labelled posts that {names} was never asked about: learned by their labels alone")
