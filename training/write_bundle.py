"""What a training leaves behind: the bundle. Knows nothing of optimization."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from earshot.bundle import (
    GRAPH,
    MODEL_CARD,
    TOKENIZER,
    BaseModelInfo,
    Bundle,
    Golden,
    Limits,
    Manifest,
    TrainingInfo,
    file_info,
)
from earshot.calibration import Calibration
from earshot.decision import Thresholds
from earshot.model_card import render_card
from earshot.normalization import normalize
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.config import TrainingConfig
from training.export import Precision
from training.export_onnx import run_graph

_PACKAGES = ("earshot", "torch", "transformers", "onnx", "onnxruntime", "onnxscript", "scikit-learn", "tokenizers")
_ROUNDED = 6


def golden_predictions(
    taxonomy: Taxonomy, tokenizer: Tokenizer, graph: Path, calibration: Calibration
) -> tuple[Golden, ...]:
    """Judge the taxonomy's made-up examples; loading the bundle repeats it and compares."""
    texts = [example for category in taxonomy.categories for example in category.examples]
    if not texts:
        return ()
    encodings = tokenizer.encode([normalize(text) for text in texts])
    scores = calibration.apply(run_graph(graph, [encoding.ids for encoding in encodings]))
    urgency: Sequence[Sequence[float]] = [()] * len(texts) if scores.urgency is None else scores.urgency.tolist()
    return tuple(
        Golden(
            text=text,
            scores=tuple(round(score, _ROUNDED) for score in scores.category[row].tolist()),
            urgency_scores=tuple(round(score, _ROUNDED) for score in urgency[row]),
        )
        for row, text in enumerate(texts)
    )


def write_bundle(
    folder: Path,
    *,
    config: TrainingConfig,
    taxonomy: Taxonomy,
    base_model: BaseModelInfo,
    graph: Path,
    precision: Precision,
    tokenizer: Tokenizer,
    tokenizer_path: Path,
    calibration: Calibration,
    thresholds: Thresholds,
    training: TrainingInfo,
    weights: Mapping[str, Path],
) -> Bundle:
    """Write the bundle with its golden predictions, its model card and the PyTorch weights if any, all or nothing."""
    files = {GRAPH: graph, TOKENIZER: tokenizer_path, **weights}
    manifest = Manifest(
        name=config.export.name,
        version=config.export.version,
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        architecture=config.model.architecture,
        precision=precision,
        taxonomy=taxonomy,
        base_model=base_model,
        limits=Limits(
            max_tokens=config.model.max_tokens,
            max_characters=config.model.max_characters,
            languages=config.model.languages,
        ),
        calibration=calibration,
        thresholds=thresholds,
        golden=golden_predictions(taxonomy, tokenizer, graph, calibration),
        training=training,
        # The card names the digest, which depends on every file but the card.
        files={name: file_info(path) for name, path in files.items()},
    )
    card = render_card(manifest).encode()
    return Bundle.write(folder, manifest, {**files, MODEL_CARD: card})


def package_versions() -> dict[str, str]:
    """Versions of the libraries that a bundle's figures depend on."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
