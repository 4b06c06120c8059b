"""A request's body: bytes within a bound, JSON within reason. Knows nothing of what the JSON should say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import Any, NoReturn

from service.errors import BodyTooLargeError, FieldProblem, UnusableRequestError

_MAX_DIGITS = 18  # fewer than 64 bits
BODY = "body"
"""What the body as a whole is called where a field's name is asked for."""


async def read_body(chunks: AsyncIterable[bytes], *, declared_bytes: int | None, max_body_bytes: int) -> bytes:
    """Collect a body, and stop as soon as it is too large, whether or not its length was declared.

    Args:
        chunks: The body as it arrives.
        declared_bytes: What the caller said of its length.
        max_body_bytes: The most that is read.

    Raises:
        BodyTooLargeError: It is longer, or said to be.
    """
    if declared_bytes is not None and declared_bytes > max_body_bytes:
        raise BodyTooLargeError(max_body_bytes)
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > max_body_bytes:
            raise BodyTooLargeError(max_body_bytes)
    return bytes(body)


def parse_json(body: bytes, *, keep_integers: bool = False) -> Any:  # noqa: ANN401 — JSON is anything
    """Read JSON as RFC 8259 has it: UTF-8, and no `NaN`.

    Every number becomes a float: Python refuses integers of thousands of digits where it should refuse only the post
    that holds one.

    Args:
        body: The JSON.
        keep_integers: Whether integers of reasonable length stay integers, where fields are such.

    Raises:
        UnusableRequestError: It is not JSON, or nested too deeply; the message quotes nothing of it.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"), parse_int=_integer if keep_integers else float, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        problem = f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        problem = str(error)
    except RecursionError:
        problem = "is nested too deeply"
    # Raised here, so that no exception that holds the whole body hangs on it.
    raise UnusableRequestError([FieldProblem(BODY, problem)])


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"is not JSON: it holds {name}")
