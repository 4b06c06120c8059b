"""What a training starts with: data that is read, split and weighed, and the network before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earshot.bundle import TrainingData
from earshot.errors import EarshotError
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.base_model import BaseModel, load_base_model
from training.class_weights import ClassWeights
from training.config import ConfigError, TrainingConfig
from training.dataset import Dataset, load_dataset
from training.features import Float, pooled_vectors
from training.fit_encoder import EncoderFit, Lesson
from training.held_out import rows_apart_from
from training.model import PostClassifier
from training.pupil import Pupil
from training.request import Request, Say
from training.splits import near_duplicate_groups, validation_rows
from training.targets import Targets


@dataclass(frozen=True, slots=True)
class Material:
    """What a training starts with: data that is read, split and weighed.

    Attributes:
        training: The posts to learn from.
        validation: The posts that choose the epoch, the calibration and the thresholds.
        weights: How much each label counts.
        pupil: What is learned from besides.
        fingerprint: Of all that decides the weights.
    """

    training: Dataset
    validation: Dataset
    weights: ClassWeights
    pupil: Pupil
    fingerprint: str

    @classmethod
    def of(cls, request: Request, say: Say) -> Material:
        """Read it.

        Raises:
            EarshotError: Data or configuration cannot be used.
        """
        _check_scope(request)
        dataset, sources = _load(request.data, request, say)
        _check_labels(dataset, request.taxonomy)
        given, given_sources = _load(request.validation, request, say) if request.validation else (None, ())
        pupil = Pupil.of(request, (*sources, *given_sources))
        fingerprint = request.fingerprint(pupil.sources, [teacher.identity.digest for teacher in pupil.teachers])
        training, validation = _split(dataset, given, request, say)
        say(f"{len(training)} posts to learn from, {len(validation)} to validate on")
        weights = ClassWeights.of(request.config.loss, request.taxonomy, training)
        return cls(training, validation, weights, pupil, fingerprint)


def begin(request: Request, material: Material, say: Say) -> tuple[BaseModel, EncoderFit, Lesson]:
    """The base model, the network as it is before its first step, and what it is to learn."""
    config, taxonomy = request.config, request.taxonomy
    base, fit = network_of(config, taxonomy)
    targets = Targets.of_labels(material.training, taxonomy, material.weights, config.loss)
    labelled = Lesson(material.training.texts, targets)
    lesson = material.pupil.lesson(labelled, material.validation.texts, request, say)
    if config.distillation.likeness_weight > 0:
        lesson = replace(lesson, vectors=_vectors_of_whole_base(request, fit.tokenizer, lesson.texts))
    return base, fit, lesson


def network_of(config: TrainingConfig, taxonomy: Taxonomy) -> tuple[BaseModel, EncoderFit]:
    """The base model that the configuration asks for, and the network on it as it is before its first step."""
    base = base_model_of(config)
    return base, EncoderFit(base, tokenizer_of(base.tokenizer, config), config, taxonomy)


def tokenizer_of(definition: str, config: TrainingConfig) -> Tokenizer:
    """The tokenizer as it will serve.

    Args:
        definition: The content of a `tokenizer.json`.
        config: How much of a post is read.
    """
    return Tokenizer(definition, max_tokens=config.model.max_tokens, max_characters=config.model.max_characters)


def base_model_of(config: TrainingConfig) -> BaseModel:
    """The encoder that the configuration asks for."""
    return load_base_model(
        config.model.base_model,
        config.model.max_tokens,
        attention_dropout=config.model.attention_dropout,
        layers=config.model.layers,
    )


def _vectors_of_whole_base(request: Request, tokenizer: Tokenizer, texts: list[str]) -> Float:
    """The pooled vectors of the base model with all its layers."""
    config = request.config.model
    whole = load_base_model(config.base_model, config.max_tokens)
    model = PostClassifier(whole.encoder, len(request.taxonomy.categories), 0, config)
    ids = [encoding.ids for encoding in tokenizer.encode(texts)]
    key = f"{whole.info.sha256} {config.base_model} {config.pooling}"
    return pooled_vectors(model, ids, whole.padding, key, request.work / "vectors")


def _check_scope(request: Request) -> None:
    if request.config.decision.scope == "as_trained":
        return
    if request.taxonomy.out_of_scope is None:
        raise ConfigError("decision.scope moves the border of the out-of-scope category, and the taxonomy has none")
    if request.config.model.architecture != "encoder":
        raise ConfigError("decision.scope moves the border of an encoder's category head: leave it out for a baseline")


def _check_labels(dataset: Dataset, taxonomy: Taxonomy) -> None:
    counts = np.bincount(dataset.category, minlength=len(taxonomy.categories))
    few = [name for name, count in zip(taxonomy.category_names, counts, strict=True) if count < 2]
    if few:
        raise EarshotError(
            f"too few posts (at least 2 each) of {', '.join(few)}: add some, or leave it out of the taxonomy"
        )


def _load(files: Sequence[Path], request: Request, say: Say) -> tuple[Dataset, tuple[TrainingData, ...]]:
    return load_dataset(files, request.taxonomy, columns=request.columns, skip_bad_rows=request.skip_bad_rows, say=say)


def _split(dataset: Dataset, given: Dataset | None, request: Request, say: Say) -> tuple[Dataset, Dataset]:
    """Split, and only then leave held-out posts out: the same posts are validated on with and without.

    Near-duplicates stay together, unless the posts to validate on are given.
    """
    config = request.config.split
    apart = rows_apart_from(dataset.texts, request, say)
    if given is not None:
        return dataset.take(apart), given
    groups = near_duplicate_groups(dataset.texts, config.near_duplicate_similarity)
    validating = validation_rows(dataset.category, groups, config.validation_fraction, request.config.seed)
    return dataset.take(np.setdiff1d(apart, validating)), dataset.take(np.intersect1d(apart, validating))
