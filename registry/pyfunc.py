"""The bundle as an MLflow model: a thin pyfunc that gives exactly our predictions, on Spark or wherever pyfuncs run.

MLflow keeps this file as it is with each version ("models from code") and runs it where the model is loaded, beside a
copy of the core: it imports nothing else.
"""

from __future__ import annotations

import json
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from earshot import Pipeline, Post, Rejection

TEXT, ID = "text", "id"


class EarshotModel(PythonModel):
    """Judges a table of posts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle, once for each process; its hashes and golden predictions are checked."""
        # One thread: whoever runs pyfuncs in parallel, as Spark does, has a process for each core.
        self._pipeline = Pipeline.load(context.artifacts["bundle"], threads=1)

    def predict(
        self, context: PythonModelContext | None, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Judge posts.

        Args:
            context: Not needed after loading.
            model_input: A row a post: `text`, and optionally `id`.
            params: None are known.

        Returns:
            A row a post, in the same order, with the columns of the model's signature. What is a table in itself
            (`scores`, `urgency_scores`, `error`) is JSON, because Spark knows no struct without its fields' names.
        """
        texts = ["" if pd.isna(text) else str(text) for text in model_input[TEXT]]
        results = self._pipeline.predict([Post(text) for text in texts])
        return pd.DataFrame([_row(result.as_dict(), isinstance(result, Rejection)) for result in results])


def _row(result: dict[str, Any], rejected: bool) -> dict[str, Any]:
    error = json.dumps(result["error"]) if rejected else ""
    return {
        "predicted_category": result.get("category") or "",
        "confidence": float(result.get("confidence") or 0.0),
        "scores": json.dumps(result.get("scores") or {}),
        "predicted_secondary": list(result.get("secondary") or []),
        "predicted_urgency": result.get("urgency") or "",
        "urgency_scores": json.dumps(result.get("urgency_scores") or {}),
        "route": result.get("route") or "",
        "needs_review": bool(result.get("needs_review", True)),
        "review_reasons": list(result.get("review_reasons") or []),
        "truncated": bool(result.get("truncated")),
        "error": error,
    }


mlflow.models.set_model(EarshotModel())
