"""Which MLflow is meant where none is named: one answer for training, evaluation and registry. Knows no MLflow."""

from __future__ import annotations

import os

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT = "sqlite:///mlflow.db"


def tracking_uri() -> str:
    """MLflow's own setting, or a database in the current folder."""
    return os.environ.get(VARIABLE) or DEFAULT
