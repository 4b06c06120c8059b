"""How anything that is received is read: strictly, with every field at fault named. Knows no request in particular."""

from __future__ import annotations

import re
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from service.errors import FieldProblem, UnusableRequestError

_Model = TypeVar("_Model", bound="Received")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_UNICODE: Final = "holds half a surrogate pair, which is not Unicode"
_MAX_FIELDS = 16  # of an object that is looked at; far more than any has, so that junk costs nothing
_MAX_SHOWN_NAME = 80  # characters of a caller's own field name that a message repeats


class Wire(BaseModel):
    """What goes over the wire."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Received(Wire):
    """What comes in."""

    # Strict: the text "true" is not true. No other fields: a misspelt one would be silently ignored.
    model_config = ConfigDict(extra="forbid", strict=True)


def encodable(value: str) -> str:
    """Refuse what is not Unicode, so cannot be sent back."""
    if LONE_SURROGATE.search(value):
        raise PydanticCustomError("not_unicode", _NOT_UNICODE)
    return value


def validate(model: type[_Model], content: object, whole: str) -> _Model:
    """Validate what was received.

    Args:
        model: What it should be.
        content: Its JSON.
        whole: The name for the content itself.

    Raises:
        UnusableRequestError: It is something else; names every field at fault, and quotes nothing.
    """
    if isinstance(content, dict) and len(content) > _MAX_FIELDS:
        raise UnusableRequestError([FieldProblem(whole, f"has {len(content)} fields, far more than are known")])
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    # Raised here, so that no exception that holds the content hangs on it.
    raise UnusableRequestError([FieldProblem(_field(problem) or whole, _detail(problem)) for problem in found])


def _field(problem: ErrorDetails) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    return path[:_MAX_SHOWN_NAME]


_DETAILS = {
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "string_unicode": _NOT_UNICODE,
}


def _detail(problem: ErrorDetails) -> str:
    return _DETAILS.get(problem["type"], problem["msg"])
