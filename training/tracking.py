"""The run in MLflow: the only file of training that knows it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at import; a training calls nobody

import mlflow
from matplotlib.figure import Figure
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException

from earshot.bundle import TrainingData
from earshot.errors import EarshotError
from training.config import TrainingConfig

EXPERIMENT = "earshot"
_LONGEST_PARAMETER = 500
_LONGEST_DIGEST = 36


class TrackingError(EarshotError):
    """MLflow cannot be reached, or refuses."""


class Run:
    """One MLflow run that is under way."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id

    def log_config(self, config: TrainingConfig, data: tuple[TrainingData, ...], command: str) -> None:
        """Log every parameter, and which data with which digest."""
        parameters = flatten(config.model_dump(mode="json"))
        mlflow.log_params({name: str(value)[:_LONGEST_PARAMETER] for name, value in parameters.items()})
        mlflow.set_tag("command", command)
        for source in data:
            mlflow.set_tag(f"data.{source.name}.sha256", source.sha256)
            mlflow.set_tag(f"data.{source.name}.rows", str(source.rows))

    def log_inputs(self, files: Sequence[Path], data: tuple[TrainingData, ...]) -> None:
        """Log the training files as MLflow inputs, each with the beginning of its own full digest.

        MLflow's digests hold 36 characters; the whole one stands in the run's tags.
        """
        for path, source in zip(files, data, strict=True):
            place = resolve_dataset_source(str(path.resolve()))
            digest = f"sha256:{source.sha256}"[:_LONGEST_DIGEST]
            # Instantiated upstream too, although it leaves one method abstract.
            dataset = MetaDataset(place, name=source.name, digest=digest)  # type: ignore[abstract]
            mlflow.log_input(dataset, context="training")

    def log_pictures(self, pictures: Mapping[str, Figure], curve: Mapping[str, list[float]]) -> None:
        """Log pictures by file name, and the risk–coverage curve as numbers."""
        for name, picture in pictures.items():
            mlflow.log_figure(picture, f"plots/{name}")
        mlflow.log_dict(dict(curve), "risk_coverage.json")

    def log_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Log the figures of one epoch, counted from 0."""
        mlflow.log_metrics({f"validation/{name}": value for name, value in figures.items()}, step=epoch)

    def log_search(self, space: Mapping[str, str]) -> None:
        """Log what a hyper-parameter search may try."""
        mlflow.log_params({f"search.{name}": value[:_LONGEST_PARAMETER] for name, value in space.items()})

    def log_search_results(self, pictures: Mapping[str, Figure], best: Path, score: float, trial: int) -> None:
        """Log what a search found: pictures by file name, the best configuration, its score and its trial."""
        for name, picture in pictures.items():
            mlflow.log_figure(picture, f"plots/{name}")
        mlflow.log_artifact(str(best))
        mlflow.log_metric("validation/selection_score", score)
        mlflow.set_tag("best_trial", str(trial))

    def log_outcome(self, outcome: str) -> None:
        """Log how a trial of a search ended."""
        mlflow.set_tag("outcome", outcome)

    def log_bundle(self, folder: Path, digest: str, figures: Mapping[str, float]) -> None:
        """Log the final figures and the whole bundle."""
        mlflow.log_metrics({f"bundle/{name}": value for name, value in figures.items()})
        mlflow.set_tag("bundle.digest", digest)
        mlflow.log_artifacts(str(folder), artifact_path="bundle")


@contextmanager
def tracked(uri: str, name: str, run_id: str | None = None, *, nested: bool = False) -> Iterator[Run]:
    """Open a run; it ends as failed when the body raises.

    Args:
        uri: Of the tracking server or database.
        name: Of the run.
        run_id: Of a run to go on with, after an interruption; where the server does not have it, as on another machine,
            another one is begun.
        nested: Whether the run is part of the one that is under way.

    Raises:
        TrackingError: MLflow cannot be reached, or refuses.
    """
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's dependencies warn of each other
        try:
            mlflow.set_tracking_uri(uri)
            mlflow.set_experiment(EXPERIMENT)
            known = None if run_id is None else _if_known(run_id)
            started = mlflow.start_run(run_id=known, run_name=None if known else name, nested=nested)
        except (MlflowException, OSError) as error:
            raise TrackingError(f"cannot track in MLflow at {uri} (--tracking-uri): {error}") from error
        with started as run:
            yield Run(run.info.run_id)


def _if_known(run_id: str) -> str | None:
    try:
        stage = mlflow.get_run(run_id).info.lifecycle_stage
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return run_id if stage == "active" else None


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name the leaves of nested dictionaries by dotted paths."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
