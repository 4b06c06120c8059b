"""What `--model` may name: a bundle, a running service, a registered model, or predictions made before.

Either is the core's `Predictor`; nothing that judges them can tell which it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from earshot.backend import ONNX
from earshot.bundle import Bundle
from earshot.errors import MissingExtraError
from earshot.pipeline import Pipeline
from earshot.predictor import Predictor
from eval.errors import ResultsError
from eval.prediction_cache import CachedPredictor, PredictionCache, computation
from eval.predictors import HttpPredictor, open_service
from eval.recorded import is_recorded, open_recorded
from eval.verdict import Problem

_SOURCES = "earshot.model_sources"
"""Entry points that fetch a bundle from elsewhere, such as `models:/earshot@champion` from MLflow."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/")


def _none() -> list[Problem]:
    return []


@dataclass(frozen=True, slots=True)
class Target:
    """What is judged.

    Attributes:
        predictor: Gives the predictions.
        problems: What went wrong with its answers, once it was asked.
        finished: To be called once its answers are no longer needed for a rerun.
    """

    predictor: Predictor
    problems: Callable[[], list[Problem]] = _none
    finished: Callable[[], None] = lambda: None


@contextmanager
def open_target(model: str, backend: str = ONNX, *, cache: Path | None = None) -> Iterator[Target]:
    """Open what `--model` names, and close it afterwards.

    Args:
        model: A service's URL, a bundle folder, `default` for the embedded bundle, `models:/NAME@ALIAS`, an
            evaluation's folder, or a file of predictions.
        backend: What runs a bundle's network; a service has its own.
        cache: The folder that keeps predictions; None keeps none.

    Raises:
        EarshotError: It cannot be loaded, or does not answer.
    """
    if model.startswith(("http://", "https://")):
        with open_service(model) as service:
            yield _of_service(service, model, cache)
    elif is_recorded(model):
        recorded = open_recorded(Path(model))
        yield Target(recorded, recorded.problems)
    else:
        with Pipeline(_bundle(model), backend=backend) as pipeline:
            yield _of_bundle(pipeline, backend, cache)


def _of_service(service: HttpPredictor, url: str, cache: Path | None) -> Target:
    if cache is None:
        return Target(service, service.problems)
    # What a service says is kept only until the run is done: the next run is to hear the service itself.
    kept = _cache(cache, {"digest": service.identity.digest, "service": url})
    return Target(CachedPredictor(service, kept), service.problems, kept.remove)


def _of_bundle(pipeline: Pipeline, backend: str, cache: Path | None) -> Target:
    if cache is None:
        return Target(pipeline)
    depends_on = {"digest": pipeline.identity.digest, "backend": backend, **computation()}
    return Target(CachedPredictor(pipeline, _cache(cache, depends_on)))


def _cache(folder: Path, depends_on: dict[str, str]) -> PredictionCache:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(
            f"cannot keep predictions in {folder}: {error.strerror}; name another folder by --cache, or --no-cache"
        ) from error
    return PredictionCache(folder, depends_on)


def _bundle(model: str) -> Bundle:
    scheme = _SCHEME.match(model)
    if scheme is None:
        return Bundle.load(model)
    try:
        (source,) = metadata.entry_points(group=_SOURCES, name=scheme[1])
    except ValueError as error:
        raise ResultsError(
            f"'{model}': nothing here fetches models by '{scheme[1]}:'; give a bundle folder or a service's URL"
        ) from error
    try:
        bundle = source.load()(model).fetch()
    except ModuleNotFoundError as error:
        extra = source.value.partition(".")[0]
        raise MissingExtraError(f"a model by '{scheme[1]}:' (which lacks {error.name})", extra) from error
    if not isinstance(bundle, Bundle):
        raise ResultsError(f"'{model}' gave no bundle")
    return bundle
