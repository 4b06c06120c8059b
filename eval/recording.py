"""What an evaluation recorded of each post, read back from `predictions.jsonl`: everything but the texts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from earshot.post import Prediction, Rejection, Result
from earshot.records import LabelledPost
from eval.errors import ResultsError
from eval.results import PREDICTIONS, EvaluationResults, read_results
from eval.samples import Sample
from eval.verdict import Problem, problem

_PREDICTION = TypeAdapter(Prediction)


@dataclass(frozen=True, slots=True)
class Record:
    """One post as it was recorded.

    Attributes:
        sample: Labels and prediction; its text is empty, for texts are not recorded.
        text_sha256: Of the text.
        slices: The names of the slices and groups that it belongs to.
    """

    sample: Sample
    text_sha256: str
    slices: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What says that two records are of the same post: its id, or without one its row, and its text's digest."""
        return self.name, self.text_sha256

    @property
    def name(self) -> str:
        """The post's id, or without one its row."""
        post = self.sample.post
        return post.id if post.id is not None else f"row {post.row}"


@dataclass(frozen=True, slots=True)
class Recording:
    """An evaluation as its folder holds it.

    Attributes:
        folder: Where it lies.
        results: What was found.
        records: Each post that was judged.
    """

    folder: Path
    results: EvaluationResults
    records: tuple[Record, ...]

    @classmethod
    def read(cls, folder: Path) -> Recording:
        """Read an evaluation's folder.

        Raises:
            ResultsError: It holds no evaluation, or one whose predictions cannot be read.
        """
        results = read_results(folder)
        if not results.slices:
            raise ResultsError(f"{folder} holds results of '{results.suite.name}', which judges no labelled posts")
        records = tuple(read_records(folder / PREDICTIONS))
        labels = results.model.taxonomy
        for record in records:
            _check_labels(record, labels.category_names, labels.urgency_names, folder)
        return cls(folder, results, records)

    def duplicates(self) -> list[Problem]:
        """Records that stand there more than once."""
        counts = Counter(record.key for record in self.records)
        says = f"{self.folder} holds {{count}} posts more than once: give every post an id of its own"
        return problem("duplicate-id", says, (name for (name, _), count in counts.items() if count > 1))

    def within(self, slice_name: str) -> tuple[Record, ...]:
        """The records of one slice or group."""
        return tuple(record for record in self.records if slice_name in record.slices)


class Case(BaseModel):
    """One case of a behaviour test as it was recorded.

    Attributes:
        name: The test's name and the case's number.
        text_sha256: Of the post.
        slices: The groups of tests that it belongs to, the test itself last.
        passed: Whether it holds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(validation_alias="id")
    text_sha256: str
    slices: tuple[str, ...] = Field(min_length=1)
    passed: bool

    @property
    def test(self) -> str:
        """The test's name."""
        return self.slices[-1]


def read_cases(path: Path) -> list[Case]:
    """Read the recorded cases of behaviour tests, in order.

    Raises:
        ResultsError: The file, or a line of it, cannot be read.
    """
    return list(_read(path, Case.model_validate))


def read_records(path: Path) -> Iterator[Record]:
    """Read recorded predictions, in order.

    Raises:
        ResultsError: The file, or a line of it, cannot be read.
    """
    return _read(path, _record)


_Line = TypeVar("_Line")


def _read(path: Path, parse: Callable[[dict[str, Any]], _Line]) -> Iterator[_Line]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"cannot read {path}: {error}; run the evaluation again") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield parse(json.loads(line))
        except KeyError as error:
            raise ResultsError(
                f"{path}, line {number}: lacks {error}; an earlier version wrote it: run the evaluation again"
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ResultsError(f"{path}, line {number}: {_brief(error)}; run the evaluation again") from error


def _record(line: dict[str, Any]) -> Record:
    gold = line["gold"]
    post = LabelledPost(
        text="",
        category=gold["category"],
        urgency=gold["urgency"],
        secondary=tuple(gold["secondary"]),
        ambiguous=gold["ambiguous"],
        id=line["id"],
        row=line["row"],
    )
    return Record(Sample(post, _result(line)), line["text_sha256"], tuple(line["slices"]))


def _result(line: dict[str, Any]) -> Result:
    if "error" in line:
        error = line["error"]
        return Rejection(line["id"], error["type"], error["title"], error["detail"])
    return _PREDICTION.validate_python({"id": line["id"], **line["prediction"]})


def _check_labels(record: Record, categories: Iterable[str], urgencies: Iterable[str], folder: Path) -> None:
    said = record.sample.prediction
    if said is None:
        return
    known = set(categories)
    if tuple(said.scores) != tuple(categories) or said.category not in known or not known.issuperset(said.secondary):
        raise ResultsError(f"{folder}: {record.name} is predicted a category that the model's taxonomy does not hold")
    if said.urgency is not None and said.urgency not in set(urgencies):
        raise ResultsError(f"{folder}: {record.name} is predicted an urgency that the model's taxonomy does not hold")


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return "not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
