"""Predictions that were made before, as a predictor: those of an evaluation, or the output of `earshot classify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from earshot.post import Post, Prediction, Rejection, Result
from earshot.predictor import ModelIdentity
from earshot.tables import FORMATS, read_table, require_columns
from earshot.taxonomy import Taxonomy
from eval.errors import ResultsError
from eval.prediction_cache import NO_ANSWER
from eval.recording import Recording
from eval.results import PREDICTIONS, RESULTS
from eval.samples import digest_of
from eval.verdict import Problem, problem

_PREDICTION = TypeAdapter(Prediction)


class RecordedPredictor:
    """Says of each post what was recorded of it; a post that was not recorded gets a rejection, and is counted.

    Args:
        identity: Which model spoke.
        taxonomy: What it could say.
        results: By the SHA-256 of a post's text, what it said.
        contradicting: Names of records that say something else of a text than another does.
    """

    def __init__(
        self,
        identity: ModelIdentity,
        taxonomy: Taxonomy,
        results: Mapping[str, Result],
        contradicting: Sequence[str] = (),
    ) -> None:
        self.identity, self.taxonomy = identity, taxonomy
        self._results = results
        self._contradicting = contradicting
        self._missing: list[str] = []

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        """Judge posts."""
        return [self._result(post) for post in posts]

    def _result(self, post: Post) -> Result:
        found = self._results.get(digest_of(post.text))
        if found is not None:
            return replace(found, id=post.id)
        self._missing.append(post.id or f"text sha256:{digest_of(post.text)[:12]}…")
        return Rejection(post.id, NO_ANSWER, "Not recorded", "The recording holds no prediction of this text.")

    def problems(self) -> list[Problem]:
        """What was missing or contradictory in the recording."""
        return [
            *problem(
                "missing-prediction",
                "the recording holds no prediction of {count} posts: predict all of them with one model",
                self._missing,
            ),
            *problem(
                "contradicting-prediction",
                "{count} records say something else of a text than an earlier one: record one model's answers",
                self._contradicting,
            ),
        ]


def is_recorded(model: str) -> bool:
    """Whether `--model` names predictions: an evaluation's folder, or a data file."""
    path = Path(model)
    return (path / RESULTS).is_file() or (path.is_file() and path.suffix.lower() in FORMATS)


def open_recorded(path: Path) -> RecordedPredictor:
    """Read recorded predictions.

    Args:
        path: An evaluation's folder, its `predictions.jsonl`, or what `earshot classify` wrote.

    Raises:
        ResultsError: They cannot be read.
        DataError: The file cannot be read.
    """
    folder = path.parent if path.name == PREDICTIONS else path
    if (folder / RESULTS).is_file():
        return _of_evaluation(Recording.read(folder))
    return _of_classify(path)


def _of_evaluation(recording: Recording) -> RecordedPredictor:
    model = recording.results.model
    pairs = ((record.name, record.text_sha256, record.sample.result) for record in recording.records)
    results, contradicting = _by_text(pairs)
    identity = ModelIdentity(model.name, model.version, model.digest)
    return RecordedPredictor(identity, model.taxonomy, results, contradicting)


def _of_classify(path: Path) -> RecordedPredictor:
    table = read_table(path)
    require_columns(table, ("text", "predicted_category", "scores"), asked_for=False)
    taxonomy = Taxonomy.default()
    pairs = ((f"row {number}", digest_of(str(row["text"])), _result(row, number, path)) for number, row in table.rows)
    results, contradicting = _by_text(pairs)
    for result in results.values():
        if isinstance(result, Prediction) and tuple(result.scores) != taxonomy.category_names:
            raise ResultsError(f"{path} holds scores of other categories than {', '.join(taxonomy.category_names)}")
    return RecordedPredictor(
        ModelIdentity(path.stem, "recorded", f"sha256:{table.sha256}"), taxonomy, results, contradicting
    )


def _by_text(records: Iterator[tuple[str, str, Result]]) -> tuple[dict[str, Result], list[str]]:
    results: dict[str, Result] = {}
    contradicting = []
    for name, key, result in records:
        said = replace(result, id=None)
        if results.setdefault(key, said) != said:
            contradicting.append(name)
    return results, contradicting


def _result(row: Mapping[str, Any], number: int, path: Path) -> Result:
    if row.get("error"):
        return Rejection(None, str(row["error"]).partition(":")[0], "Rejected", str(row["error"]))
    lists = ("scores", "urgency_scores", "predicted_secondary", "review_reasons")
    values = {name: _parsed(row.get(name)) for name in lists}
    try:
        return _PREDICTION.validate_python(
            {
                "id": None,
                "category": row["predicted_category"],
                "confidence": row["confidence"],
                "scores": values["scores"],
                "secondary": values["predicted_secondary"] or (),
                "urgency": row.get("predicted_urgency") or None,
                "urgency_scores": values["urgency_scores"] or {},
                "route": row.get("route") or None,
                "needs_review": row.get("needs_review") or False,
                "review_reasons": values["review_reasons"] or (),
                "tokens": 0,
                "truncated": row.get("truncated") or False,
            }
        )
    except (KeyError, ValidationError) as error:
        field = error.errors(include_input=False)[0]["loc"][0] if isinstance(error, ValidationError) else error
        raise ResultsError(f"{path}, row {number}: {field} is not what `earshot classify` writes") from error


def _parsed(value: object) -> object:
    """Lists and objects, which CSV holds as text: JSON, or parts separated by `;`."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return [part.strip() for part in value.split(";") if part.strip()]
