"""The rows of a JSONL file, parsed when they are asked for: a million of them cost no more memory than their places."""

from __future__ import annotations

import json
import os
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, overload

Row = dict[str, Any]
NumberedRow = tuple[int, Row]


class LazyRows(Sequence[NumberedRow]):
    """Rows with their numbers, in the order in which they were added; safe to share between threads.

    Args:
        file: Not changed while the rows are in use; it may be closed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._offsets, self._sizes, self.numbers = array("Q"), array("Q"), array("Q")

    def add(self, number: int, offset: int, size: int) -> None:
        """Add the row whose JSON, an object, stands in `size` bytes from `offset` on."""
        self.numbers.append(number)
        self._offsets.append(offset)
        self._sizes.append(size)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> NumberedRow: ...

    @overload
    def __getitem__(self, index: slice) -> list[NumberedRow]: ...

    def __getitem__(self, index: int | slice) -> NumberedRow | list[NumberedRow]:
        if isinstance(index, slice):
            return [self._read(at) for at in range(*index.indices(len(self)))]
        return self._read(range(len(self))[index])

    def __iter__(self) -> Iterator[NumberedRow]:
        return map(self._read, range(len(self)))

    def _read(self, at: int) -> NumberedRow:
        return self.numbers[at], json.loads(os.pread(self._descriptor, self._sizes[at], self._offsets[at]))
