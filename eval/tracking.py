"""An evaluation in MLflow: the only file of the harness that knows it, imported only when asked for."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at import; an evaluation calls nobody

import mlflow
from mlflow.exceptions import MlflowException

from earshot.tracking_uri import tracking_uri
from eval.errors import ResultsError
from eval.results import JUNIT, RESULTS, SUMMARY, EvaluationResults

EXPERIMENT = "earshot-evaluation"
_NOT_ALLOWED = re.compile(r"[^\w\-. /]+")


def track(results: EvaluationResults, folder: Path, *, uri: str | None = None) -> str:
    """Log an evaluation as a run: figures as metrics, digests as tags, and all files that hold no texts.

    Args:
        results: What was found.
        folder: Where its files lie; the report stays there, because it holds posts' texts.
        uri: Of the tracking server; by default `MLFLOW_TRACKING_URI`, else a database in the current folder.

    Returns:
        The run's id.

    Raises:
        ResultsError: MLflow cannot be reached, or refuses.
    """
    where = uri or tracking_uri()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's dependencies warn of each other
        try:
            mlflow.set_tracking_uri(where)
            return _logged(results, folder)
        except (MlflowException, OSError) as error:
            raise ResultsError(f"cannot log the evaluation to MLflow at {where}: {error}") from error


def _logged(results: EvaluationResults, folder: Path) -> str:
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{results.model.name} {results.model.version} on {results.suite.name}") as run:
        mlflow.set_tags(_tags(results))
        mlflow.log_params({"suite": results.suite.name, "seed": results.seed, "resamples": results.resamples})
        mlflow.log_metrics(dict(_metrics(results)))
        for name in (RESULTS, SUMMARY, JUNIT):
            mlflow.log_artifact(str(folder / name))
        return str(run.info.run_id)


def _tags(results: EvaluationResults) -> dict[str, str]:
    return {
        "model.name": results.model.name,
        "model.version": results.model.version,
        "model.digest": results.model.digest,
        "data.name": results.data.name,
        "data.sha256": results.data.sha256,
        "verdict": results.verdict or "no gates",
        "command": results.command,
    }


def _metrics(results: EvaluationResults) -> Iterator[tuple[str, float]]:
    """Every figure by slice, and both ends of its interval."""
    for part in results.parts:
        for figure in part.figures:
            name = _NOT_ALLOWED.sub("-", f"{part.name}/{figure.metric}")
            yield name, figure.value
            if figure.low is not None and figure.high is not None:
                yield f"{name}/low", figure.low
                yield f"{name}/high", figure.high
