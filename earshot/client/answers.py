"""What a service answers, as typed objects. Knows nothing of how it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from earshot.client.errors import BadAnswerError
from earshot.explanation import Word
from earshot.post import Prediction, Rejection, Result
from earshot.predictor import ModelIdentity
from earshot.taxonomy import Taxonomy

_Wire = TypeVar("_Wire", bound=BaseModel)
_PREDICTION = TypeAdapter(Prediction)
_WORDS = TypeAdapter(tuple[Word, ...])


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of some posts.

    Attributes:
        model: Which model spoke.
        results: One per post, in order: a `Prediction`, or a `Rejection` of that post alone.
        explanations: With `explain`: what each word of the post did for the decision, one tuple per post; else empty.
    """

    model: ModelIdentity
    results: list[Result]
    explanations: list[tuple[Word, ...]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of one post of a stream.

    Attributes:
        result: A `Prediction`, or a `Rejection` of this post alone.
        model: Which model spoke; it may change within a stream.
    """

    result: Result
    model: ModelIdentity


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that a service serves.

    Attributes:
        identity: Which it is.
        taxonomy: What it may say.
        takes_feedback: Whether the service takes corrections.
        description: All that the service says of it.
    """

    identity: ModelIdentity
    taxonomy: Taxonomy
    takes_feedback: bool
    description: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Says that a correction is kept.

    Attributes:
        id: Its name, for ever.
        received_at: When it was kept.
        text_sha256: SHA-256 of the post's text.
    """

    id: str
    received_at: datetime
    text_sha256: str


class _Model(BaseModel):
    name: str
    version: str
    digest: str

    def identity(self) -> ModelIdentity:
        return ModelIdentity(self.name, self.version, self.digest)


class _Description(_Model):
    taxonomy: Taxonomy
    feedback: bool = False


class _Answer(BaseModel):
    model: _Model
    results: list[dict[str, Any]]


class _Line(BaseModel):
    model: _Model


class _Receipt(BaseModel):
    id: str
    received_at: datetime
    text_sha256: str


def read_answer(content: bytes, posts: int) -> Answer:
    """Read the answer of `/v1/classify`.

    Args:
        content: The body.
        posts: How many posts were asked about.

    Raises:
        BadAnswerError: It is something else.
    """
    answer = _read(_Answer, content)
    if len(answer.results) != posts:
        raise BadAnswerError(f"the service answered {len(answer.results)} results for {posts} posts")
    results = [_result(item) for item in answer.results]
    explained = any("explanation" in item for item in answer.results)
    explanations = [_words(item) for item in answer.results] if explained else []
    return Answer(answer.model.identity(), results, explanations)


def read_line(line: bytes) -> Judged | None:
    """Read a line of `/v1/classify/stream`; None if it says that the stream was broken off.

    Raises:
        BadAnswerError: It is something else.
    """
    item = _json(line)
    if item.get("error", {}).get("type") == "broken-off":
        return None
    return Judged(_result(item), _read(_Line, line).model.identity())


def read_model(content: bytes) -> ServedModel:
    """Read the answer of `/v1/model`.

    Raises:
        BadAnswerError: It is something else.
    """
    description = _read(_Description, content)
    return ServedModel(description.identity(), description.taxonomy, description.feedback, _json(content))


def read_receipt(content: bytes) -> Receipt:
    """Read the answer of `/v1/feedback`.

    Raises:
        BadAnswerError: It is something else.
    """
    receipt = _read(_Receipt, content)
    return Receipt(receipt.id, receipt.received_at, receipt.text_sha256)


def _read(model: type[_Wire], content: bytes) -> _Wire:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise _unusable(error) from None


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadAnswerError("the service answered something that is not a JSON object: is it an Earshot service?")
    return found


def _result(item: dict[str, Any]) -> Result:
    try:
        if "error" in item:
            error = item["error"]
            return Rejection(item["id"], error["type"], error["title"], error["detail"])
        return _PREDICTION.validate_python(item)
    except (KeyError, TypeError) as error:
        raise BadAnswerError(f"the service answered something unusable: no {error}") from None
    except ValidationError as error:
        raise _unusable(error) from None


def _words(item: dict[str, Any]) -> tuple[Word, ...]:
    try:
        return _WORDS.validate_python(item.get("explanation") or ())
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError) -> BadAnswerError:
    """Say what is wrong, without the answer itself, which may repeat a post."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return BadAnswerError(f"the service answered something unusable: {f'{where}: ' if where else ''}{first['msg']}")
