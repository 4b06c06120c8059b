"""From labelled files to a bundle: read, split, fit, export, check parity, calibrate, choose thresholds, write, log.

Calibration and thresholds are fitted on what the exported graph says through the core's own session: on the
very numbers that will be served.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from earshot.bundle import BaseModelInfo, Bundle, TrainingInfo, check_output
from earshot.errors import EarshotError
from earshot.session import Logits
from earshot.tokenization import Tokenizer
from training.base_model import save_encoder
from training.checkpoint import Checkpoints, Progress
from training.collator import Ids
from training.dataset import Dataset
from training.export import Precision, export
from training.export_onnx import run_graph, write_labels
from training.fit_calibration import fit_calibration
from training.fit_encoder import TrainingInterrupted
from training.fit_tfidf import fit_tfidf, save_graph, train_word_tokenizer
from training.material import Material, begin, network_of, tokenizer_of
from training.plots import RiskCoverage, plot_confusion, plot_risk_coverage
from training.request import Request, Say
from training.select_thresholds import select_thresholds
from training.torch_weights import save_weights
from training.tracking import Run, tracked
from training.validation import epoch_line, validation_figures
from training.write_bundle import package_versions, write_bundle

_RUN = "run.json"
_TYPICAL_POSTS = 400
"""Enough to know the range and correlation of every channel; more only take longer."""


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
        _, fit = network_of(request.config, request.taxonomy)
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


def _fit_encoder(request: Request, material: Material, run: Run, say: Say, *, resume: bool) -> _Fit:
    config, taxonomy, validation = request.config, request.taxonomy, material.validation
    base, fit, lesson = begin(request, material, say)
    tokenizer = fit.tokenizer

    def on_epoch_end(epoch: int, figures: dict[str, float]) -> None:
        run.log_epoch(epoch, figures)
        say(epoch_line(epoch, config.optimization.epochs, figures))

    progress = fit.run(
        lesson,
        validation,
        Checkpoints(request.work),
        Progress(material.fingerprint),
        resume=resume,
        on_epoch_end=on_epoch_end,
    )
    say(f"best epoch by validation: {progress.best_epoch + 1}")
    if request.keep_checkpoints:
        save_encoder(fit.model.encoder, base, request.work / "encoder")
    ids = [encoding.ids for encoding in tokenizer.encode(validation.texts)]
    fit.move_scope(validation, say)
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


def _fit_tfidf(request: Request, training: Dataset, validation: Dataset) -> _Fit:
    definition = train_word_tokenizer(training.texts)
    tokenizer = tokenizer_of(definition, request.config)
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
    rows = np.flatnonzero(~validation.ambiguous)
    clear = validation.take(rows)
    figures = validation_figures(fit.validation_logits, validation, calibration) | {"n": float(len(validation))}
    if 0 < len(clear) < len(validation):
        logits = fit.validation_logits.take(rows)
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
