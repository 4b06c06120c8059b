"""From labelled files to a bundle: read, split, fit, export, check parity, calibrate, choose thresholds, write, log.

Calibration and thresholds are fitted on what the exported graph says through the core's own session: on the
very numbers that will be served.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from earshot.bundle import BaseModelInfo, Bundle, TrainingData, TrainingInfo, check_output
from earshot.errors import EarshotError
from earshot.session import Logits
from earshot.tables import sha256_of
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.base_model import BaseModel, load_base_model, save_encoder
from training.checkpoint import Checkpoints, Progress
from training.class_weights import ClassWeights
from training.collator import Ids
from training.config import ConfigError, TrainingConfig
from training.dataset import Dataset, load_dataset
from training.export import Precision, export
from training.export_onnx import run_graph, write_labels
from training.features import Float, pooled_vectors
from training.fit_calibration import fit_calibration
from training.fit_encoder import EncoderFit, Lesson, TrainingInterrupted
from training.fit_tfidf import fit_tfidf, save_graph, train_word_tokenizer
from training.held_out import apart_from
from training.model import PostClassifier
from training.plots import RiskCoverage, plot_confusion, plot_risk_coverage
from training.scope_shift import select_scope_shift
from training.select_thresholds import select_thresholds
from training.splits import near_duplicate_groups, validation_rows
from training.targets import Targets
from training.teachers import ask, load_teachers
from training.texts import read_texts
from training.torch_weights import save_weights
from training.tracking import Run, tracked
from training.validation import validation_figures
from training.write_bundle import package_versions, write_bundle

Say = Callable[[str], None]

_RUN = "run.json"
_TYPICAL_POSTS = 400
"""Enough to know the range and correlation of every channel; more only take longer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `earshot train` was asked for.

    Attributes:
        data: Labelled files.
        output: The bundle folder to write.
        validation: Labelled files to validate on; without any, a part of `data` is held back.
        held_out: Files whose posts, and near-duplicates of them, must not be learned from.
        taxonomy: The labels.
        config: Everything else that decides the result.
        columns: Our name of a column to the files' own.
        skip_bad_rows: Leave unusable rows out, and count them.
        tracking_uri: Of MLflow.
        resume: Go on from the checkpoint beside `output`.
        restart: Throw that checkpoint away.
        keep_checkpoints: Leave the work folder where it is.
        command: What was typed, for the manifest.
    """

    data: tuple[Path, ...]
    output: Path
    validation: tuple[Path, ...]
    held_out: tuple[Path, ...]
    taxonomy: Taxonomy
    config: TrainingConfig
    columns: Mapping[str, str]
    skip_bad_rows: bool
    tracking_uri: str
    resume: bool
    restart: bool
    keep_checkpoints: bool
    command: str

    @property
    def work(self) -> Path:
        """Where checkpoints and graphs lie until the bundle is written."""
        return self.output.with_name(f"{self.output.name}.training")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that is learned from."""
        return (*self.data, *self.validation, *map(Path, self.config.distillation.unlabelled))

    def fingerprint(self, data: Sequence[TrainingData], teachers: Sequence[str]) -> str:
        """Of all that decides the weights: a checkpoint with another one belongs to another training.

        How they are then exported and decided upon may change between a stop and a resumption, and so may settings
        come along that are at their defaults.
        """
        content = [
            self.config.model_dump(mode="json", exclude={"export", "decision"}, exclude_defaults=True),
            self.taxonomy.model_dump(mode="json"),
            [source.model_dump(mode="json") for source in data],
            len(self.validation),
            [sha256_of(path) for path in self.held_out],
            list(teachers),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Pupil:
    """What a training learns from besides its labelled posts."""

    teachers: list[Bundle]
    unlabelled: list[str]
    sources: tuple[TrainingData, ...]

    @classmethod
    def of(cls, request: Request, labelled: tuple[TrainingData, ...]) -> _Pupil:
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

    def lesson(self, labelled: Lesson, request: Request, say: Say) -> Lesson:
        """Blend the teachers' opinions into the labels, and append the unlabelled posts with those alone."""
        if not self.teachers:
            return labelled
        config, taxonomy = request.config.distillation, request.taxonomy
        texts = [*labelled.texts, *self._learnable(request)]
        silent = None if taxonomy.out_of_scope is None else taxonomy.category_names.index(taxonomy.out_of_scope)
        taught = Targets.of_scores(ask(self.teachers, texts, request.work / "teachers"), silent)
        own, others = np.arange(len(labelled)), np.arange(len(labelled), len(texts))
        if silent is not None:
            others = others[taught.category[others, silent] <= config.max_out_of_scope]
        say(f"{len(others)} of {len(self.unlabelled)} unlabelled posts to learn from as well")
        blended = labelled.targets.blended(taught.take(own), 1 - config.label_share)
        alone = taught.take(others).weighing(config.unlabelled_weight)
        return Lesson([texts[row] for row in (*own, *others)], blended.followed_by(alone))

    def _learnable(self, request: Request) -> list[str]:
        """The unlabelled posts that don't nearly repeat a held-out one."""
        similarity = request.config.split.near_duplicate_similarity
        apart = apart_from(self.unlabelled, request.held_out, similarity, request.columns)
        return [text for text, is_apart in zip(self.unlabelled, apart, strict=True) if is_apart]


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
    pupil: _Pupil
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
        pupil = _Pupil.of(request, (*sources, *given_sources))
        fingerprint = request.fingerprint(pupil.sources, [teacher.manifest.digest for teacher in pupil.teachers])
        training, validation = _split(dataset, given, request, say)
        say(f"{len(training)} posts to learn from, {len(validation)} to validate on")
        weights = ClassWeights.of(request.config.loss, request.taxonomy, training)
        return cls(training, validation, weights, pupil, fingerprint)


def begin(request: Request, material: Material, say: Say) -> tuple[BaseModel, EncoderFit, Lesson]:
    """The base model, the network as it is before its first step, and what it is to learn."""
    config, taxonomy = request.config, request.taxonomy
    base = _base_model(config)
    fit = EncoderFit(base, _tokenizer(base.tokenizer, config), config, taxonomy)
    targets = Targets.of_labels(material.training, taxonomy, material.weights, config.loss)
    lesson = material.pupil.lesson(Lesson(material.training.texts, targets), request, say)
    if config.distillation.likeness_weight > 0:
        lesson = replace(lesson, vectors=_vectors_of_whole_base(request, fit.tokenizer, lesson.texts))
    return base, fit, lesson


@dataclass(frozen=True, slots=True)
class _Fit:
    """What either architecture gives: a graph that can be served, and where it came from."""

    graph: Path
    precision: Precision
    tokenizer: Tokenizer
    tokenizer_path: Path
    base_model: BaseModelInfo
    validation_logits: Logits
    parity: dict[str, float]
    weights: dict[str, Path] = field(default_factory=dict)


def train(request: Request, say: Say) -> Bundle:
    """Train and write a bundle.

    Args:
        request: What was asked for.
        say: Told what is going on, a line at a time.

    Returns:
        The bundle that was written.

    Raises:
        EarshotError: Data or configuration cannot be used, a checkpoint is in the way, or the training was stopped.
        ParityError: The exported graph differs from the network; nothing was written.
    """
    check_output(request.output)
    resume = _look_for_checkpoint(request)
    material = Material.of(request, say)
    sources = material.pupil.sources
    run_id = _previous_run(request) if request.resume else None
    with tracked(request.tracking_uri, request.config.export.name, run_id) as run:
        _keep_run(request, run.id)
        run.log_config(request.config, sources, request.command)
        run.log_inputs(request.inputs, sources)
        if request.config.model.architecture == "encoder":
            fit = _fit_encoder(request, material, run, say, resume=resume)
        else:
            fit = _fit_tfidf(request, material.training, material.validation)
        bundle = _finish(request, fit, material, say)
        _log_pictures(run, bundle, fit.validation_logits, material.validation)
        run.log_bundle(bundle.folder, bundle.manifest.digest, bundle.manifest.training.validation | fit.parity)
    if not request.keep_checkpoints:
        Checkpoints(request.work).forget()  # first, or a kill in between would leave half of what it needs
        shutil.rmtree(request.work)
    return bundle


def assist(request: Request) -> None:
    """Do what every process but the first does: take a share of each batch. It writes and says nothing.

    Args:
        request: The first process's.

    Raises:
        EarshotError: The base model or the checkpoint cannot be used.
    """
    if request.config.model.architecture == "encoder":
        base = _base_model(request.config)
        fit = EncoderFit(base, _tokenizer(base.tokenizer, request.config), request.config, request.taxonomy)
        with suppress(TrainingInterrupted):  # the first process says so
            fit.follow(Checkpoints(request.work))


def _log_pictures(run: Run, bundle: Bundle, logits: Logits, validation: Dataset) -> None:
    manifest = bundle.manifest
    scores = manifest.calibration.apply(logits)
    curve = RiskCoverage.of(scores, validation)
    pictures = {
        "risk_coverage.png": plot_risk_coverage(curve, manifest.thresholds.min_confidence),
        "confusion.png": plot_confusion(scores, validation, manifest.taxonomy),
    }
    run.log_pictures(pictures, curve.as_dict())


def _look_for_checkpoint(request: Request) -> bool:
    """Whether to go on from a checkpoint, after making sure that the user wants what happens."""
    checkpoints = Checkpoints(request.work)
    if request.restart:
        shutil.rmtree(request.work, ignore_errors=True)
    if checkpoints.exists() and not request.resume:
        raise EarshotError(
            f"{request.work} holds an unfinished training: go on with it by --resume, or throw it away by --restart"
        )
    return checkpoints.exists()


def _keep_run(request: Request, run_id: str) -> None:
    request.work.mkdir(parents=True, exist_ok=True)
    kept = {"run_id": run_id, "config": request.config.model_dump(mode="json")}
    (request.work / _RUN).write_text(json.dumps(kept), encoding="utf-8")


def _previous_run(request: Request) -> str | None:
    """The MLflow run to go on with; another one where the configuration changed, which a run's parameters cannot."""
    try:
        kept = json.loads((request.work / _RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(kept["run_id"]) if kept["config"] == request.config.model_dump(mode="json") else None


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
    apart = apart_from(dataset.texts, request.held_out, config.near_duplicate_similarity, request.columns)
    if not apart.all():
        say(f"{(~apart).sum()} posts left out: they are, or nearly repeat, held-out posts")
    if given is not None:
        return dataset.take(np.flatnonzero(apart)), given
    groups = near_duplicate_groups(dataset.texts, config.near_duplicate_similarity)
    rows = validation_rows(dataset.category, groups, config.validation_fraction, request.config.seed)
    validating = np.zeros(len(dataset), bool)
    validating[rows] = True
    return dataset.take(np.flatnonzero(~validating & apart)), dataset.take(np.flatnonzero(validating & apart))


def _tokenizer(definition: str, config: TrainingConfig) -> Tokenizer:
    return Tokenizer(definition, max_tokens=config.model.max_tokens, max_characters=config.model.max_characters)


def _base_model(config: TrainingConfig) -> BaseModel:
    return load_base_model(
        config.model.base_model,
        config.model.max_tokens,
        attention_dropout=config.model.attention_dropout,
        layers=config.model.layers,
    )


def _fit_encoder(request: Request, material: Material, run: Run, say: Say, *, resume: bool) -> _Fit:
    config, taxonomy, validation = request.config, request.taxonomy, material.validation
    base, fit, lesson = begin(request, material, say)
    tokenizer = fit.tokenizer

    def on_epoch_end(epoch: int, figures: dict[str, float]) -> None:
        run.log_epoch(epoch, figures)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        say(f"epoch {epoch + 1}/{config.optimization.epochs}: {shown}")

    progress = fit.run(
        lesson,
        validation,
        Checkpoints(request.work),
        Progress(material.fingerprint),
        resume=resume,
        on_epoch_end=on_epoch_end,
    )
    say(f"best epoch by validation: {progress.best_epoch + 1}")
    save_encoder(fit.model.encoder, base, request.work / "encoder")
    ids = [encoding.ids for encoding in tokenizer.encode(validation.texts)]
    _move_scope(fit, ids, validation, request, say)
    tokenizer_path = request.work / "tokenizer.json"
    tokenizer_path.write_text(base.tokenizer, encoding="utf-8")
    say("exporting to ONNX and comparing with the network")
    exported = export(
        fit.model,
        taxonomy,
        config.export,
        request.work,
        typical=_typical_posts(material.training, tokenizer, config.seed),
        checked=ids,
        network=fit.predict(ids, exact=True),
        vocabulary=tokenizer.vocabulary_size,
        say=say,
    )
    return _Fit(
        exported.graph,
        exported.precision,
        tokenizer,
        tokenizer_path,
        base.info,
        exported.logits,
        exported.parity,
        save_weights(fit.model, request.work) if config.export.weights else {},
    )


def _typical_posts(training: Dataset, tokenizer: Tokenizer, seed: int) -> list[Ids]:
    """Token ids of some training posts, that int8 is fitted to."""
    rows = np.random.default_rng(seed).permutation(len(training))[:_TYPICAL_POSTS]
    return [encoding.ids for encoding in tokenizer.encode([training.texts[row] for row in rows])]


def _vectors_of_whole_base(request: Request, tokenizer: Tokenizer, texts: list[str]) -> Float:
    """The pooled vectors of the base model with all its layers."""
    config = request.config.model
    whole = load_base_model(config.base_model, config.max_tokens)
    model = PostClassifier(whole.encoder, len(request.taxonomy.categories), 0, config)
    ids = [encoding.ids for encoding in tokenizer.encode(texts)]
    key = f"{whole.info.sha256} {config.base_model} {config.pooling}"
    return pooled_vectors(model, ids, whole.padding, key, request.work / "vectors")


def _move_scope(fit: EncoderFit, ids: list[Ids], validation: Dataset, request: Request, say: Say) -> None:
    """Move the border of the out-of-scope category to where validation posts ask for it."""
    aim, taxonomy = request.config.decision.scope, request.taxonomy
    if aim == "as_trained" or taxonomy.out_of_scope is None:
        return
    index = taxonomy.category_names.index(taxonomy.out_of_scope)
    shift = select_scope_shift(fit.predict(ids).category, validation.category, index, aim)
    fit.model.shift_category(index, shift)
    say(f"shift of '{taxonomy.out_of_scope}' for the best {aim}: {shift:+.2f}")


def _fit_tfidf(request: Request, training: Dataset, validation: Dataset) -> _Fit:
    definition = train_word_tokenizer(training.texts)
    tokenizer = _tokenizer(definition, request.config)
    tokenizer_path = request.work / "tokenizer.json"
    tokenizer_path.write_text(definition, encoding="utf-8")
    ids = [encoding.ids for encoding in tokenizer.encode(training.texts)]
    graph = request.work / "tfidf.onnx"
    save_graph(fit_tfidf(ids, training, request.taxonomy, request.config.seed), graph)
    write_labels(graph, request.taxonomy)
    logits = run_graph(graph, [encoding.ids for encoding in tokenizer.encode(validation.texts)])
    info = BaseModelInfo(id="TF-IDF and logistic regression, from nothing", licence="Apache-2.0")
    return _Fit(graph, "fp32", tokenizer, tokenizer_path, info, logits, {})


def _finish(request: Request, fit: _Fit, material: Material, say: Say) -> Bundle:
    validation, weights, pupil = material.validation, material.weights, material.pupil
    calibration = fit_calibration(fit.validation_logits, validation, weights)
    scores = calibration.apply(fit.validation_logits)
    thresholds = select_thresholds(scores, validation, request.config.decision, weights)
    clear = validation.take(np.flatnonzero(~validation.ambiguous))
    figures = validation_figures(fit.validation_logits, validation, calibration) | {"n": float(len(validation))}
    if 0 < len(clear) < len(validation):
        kept = ~validation.ambiguous
        urgency = fit.validation_logits.urgency
        logits = Logits(
            category=fit.validation_logits.category[kept],
            secondary=fit.validation_logits.secondary[kept],
            urgency=None if urgency is None else urgency[kept],
        )
        unambiguous = validation_figures(logits, clear, calibration) | {"n": float(len(clear))}
        figures |= {f"unambiguous_{name}": value for name, value in unambiguous.items()}
    for name, value in (figures | fit.parity).items():
        say(f"validation {name}: {value:.4f}")
    return write_bundle(
        request.output,
        config=request.config,
        taxonomy=request.taxonomy,
        base_model=fit.base_model,
        graph=fit.graph,
        precision=fit.precision,
        tokenizer=fit.tokenizer,
        tokenizer_path=fit.tokenizer_path,
        calibration=calibration,
        thresholds=thresholds,
        training=TrainingInfo(
            data=pupil.sources,
            teachers=tuple(teacher.identity for teacher in pupil.teachers),
            seed=request.config.seed,
            config=request.config.model_dump(mode="json"),
            validation=figures,
            parity=fit.parity,
            packages=package_versions(),
            command=request.command,
        ),
        weights=fit.weights,
    )
