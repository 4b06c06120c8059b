"""Tensors of the Open Inference Protocol: texts in, scores out, as JSON or as bytes. Knows nothing of models or HTTP.

The binary form is the protocol's extension `binary_tensor_data`: the tensors' bytes follow the JSON, in the order in
which it lists those that have a `binary_data_size`; a text is its length in four bytes, lowest first, and its UTF-8.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import FieldProblem, UnusableRequestError

BYTES, FP32, INT32, BOOL = "BYTES", "FP32", "INT32", "BOOL"
_DTYPES: dict[str, npt.DTypeLike] = {FP32: "<f4", INT32: "<i4", BOOL: np.bool_}
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One output.

    Attributes:
        name: Its name.
        datatype: `BYTES`, `FP32`, `INT32` or `BOOL`.
        shape: Its shape.
        values: Its elements in row order.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]

    def as_json(self) -> dict[str, Any]:
        """The tensor with its elements as JSON."""
        return self._head() | {"data": list(self.values)}

    def as_binary(self) -> tuple[dict[str, Any], bytes]:
        """The tensor without its elements, and their bytes."""
        if self.datatype == BYTES:
            encoded = [str(value).encode() for value in self.values]
            content = b"".join(part for each in encoded for part in (_LENGTH.pack(len(each)), each))
        else:
            content = np.asarray(self.values, _DTYPES[self.datatype]).tobytes()
        return self._head() | {"parameters": {"binary_data_size": len(content)}}, content

    def _head(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


def texts_of(content: object, shape: Sequence[int], *, max_texts: int, name: str) -> list[object]:
    """Read the elements of a `BYTES` tensor.

    Args:
        content: Its bytes, or its `data` from JSON: a list, perhaps of lists.
        shape: The shape that it says it has.
        max_texts: The most elements that are read.
        name: What it is called where it is at fault.

    Returns:
        The elements: texts, where they are texts.

    Raises:
        UnusableRequestError: It has another number of elements than its shape, or too many.
    """
    expected = math.prod(shape)
    if expected > max_texts:
        detail = f"has {expected} elements, at most {max_texts} are allowed; send several requests"
        raise UnusableRequestError([FieldProblem(name, detail)])
    elements: list[object] = []
    for element in _decoded(content, name) if isinstance(content, bytes) else _flat(content):
        elements.append(element)
        if len(elements) > expected:
            break
    if len(elements) != expected:
        raise UnusableRequestError([FieldProblem(name, f"holds another number of elements than its shape {[*shape]}")])
    return elements


def _flat(data: object) -> Iterator[object]:
    if not isinstance(data, list):
        yield data
        return
    for item in data:
        yield from item if isinstance(item, list) else [item]


def _decoded(content: bytes, name: str) -> Iterator[object]:
    start = 0
    while start < len(content):
        end = start + _LENGTH.size
        if end > len(content):
            raise UnusableRequestError([FieldProblem(name, "ends within an element's length")])
        (length,) = _LENGTH.unpack_from(content, start)
        if end + length > len(content):
            raise UnusableRequestError([FieldProblem(name, "ends within an element")])
        try:
            yield content[end : end + length].decode()
        except UnicodeDecodeError:
            yield content[end : end + length]  # no text: an error in its own place
        start = end + length
