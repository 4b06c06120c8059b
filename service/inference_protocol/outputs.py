"""What the model says as tensors of the Open Inference Protocol. Knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from earshot import Prediction, Rejection, Result, Taxonomy
from service.inference_protocol.tensors import BOOL, BYTES, FP32, INT32, Tensor

INPUT = "text"


@dataclass(frozen=True, slots=True)
class Output:
    """One output, and how it is read off a result.

    Attributes:
        name: Its name.
        datatype: Its datatype.
        value: Its element of a prediction; with labels, one element for each.
        missing: Its element where there is no prediction.
        labels: What the columns stand for, or none for a single column.
    """

    name: str
    datatype: str
    value: Callable[[Prediction], Any]
    missing: Any
    labels: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What the model's metadata says of it."""
        columns = [len(self.labels)] if self.labels else []
        described: dict[str, Any] = {"name": self.name, "datatype": self.datatype, "shape": [-1, *columns]}
        if self.labels:
            described["parameters"] = {"labels": list(self.labels)}
        return described

    def tensor(self, results: Sequence[Result]) -> Tensor:
        """The output for some results, in order."""
        if not self.labels:
            return Tensor(self.name, self.datatype, (len(results),), [self._element(result) for result in results])
        values = [value for result in results for value in self._element(result)]
        return Tensor(self.name, self.datatype, (len(results), len(self.labels)), values)

    def _element(self, result: Result) -> Any:  # noqa: ANN401 — whatever the datatype holds
        if isinstance(result, Prediction):
            return self.value(result)
        return [self.missing] * len(self.labels) if self.labels else self.missing


def outputs_of(taxonomy: Taxonomy) -> list[Output | ErrorOutput]:
    """Say what a model puts out."""
    urgencies = taxonomy.urgency_names
    outputs: list[Output | ErrorOutput] = [
        Output("category", BYTES, lambda prediction: prediction.category, ""),
        Output("confidence", FP32, lambda prediction: prediction.confidence, 0.0),
        Output("scores", FP32, lambda prediction: prediction.scores.values(), 0.0, taxonomy.category_names),
        Output("secondary", BYTES, lambda prediction: ";".join(prediction.secondary), ""),
    ]
    if urgencies:
        outputs += [
            Output("urgency", BYTES, lambda prediction: prediction.urgency or "", ""),
            Output("urgency_scores", FP32, lambda prediction: prediction.urgency_scores.values(), 0.0, urgencies),
        ]
    return [
        *outputs,
        Output("route", BYTES, lambda prediction: prediction.route or "", ""),
        Output("needs_review", BOOL, lambda prediction: prediction.needs_review, True),
        Output("review_reasons", BYTES, lambda prediction: ";".join(prediction.review_reasons), ""),
        Output("tokens", INT32, lambda prediction: prediction.tokens, 0),
        Output("truncated", BOOL, lambda prediction: prediction.truncated, False),
        ErrorOutput(),
    ]


class ErrorOutput:
    """The output `error`: why a post got no prediction, or nothing. Then the other outputs hold nothing of worth."""

    name = "error"

    def describe(self) -> dict[str, Any]:
        """What the model's metadata says of it."""
        return {"name": self.name, "datatype": BYTES, "shape": [-1]}

    def tensor(self, results: Sequence[Result]) -> Tensor:
        """The output for some results, in order."""
        values = [result.type if isinstance(result, Rejection) else "" for result in results]
        return Tensor(self.name, BYTES, (len(results),), values)
