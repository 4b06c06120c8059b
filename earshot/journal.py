"""Results kept as they come, so that an interrupted run goes on where it stopped. Knows nothing of models.

```
{"journal": 1, …what the results depend on…}
{"row": 1, "result": {…}}
{"row": 2, "result": {…}}
```

A line that was torn by a crash, and whatever follows it, is done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from earshot.errors import JournalError

_LAYOUT = {"journal": 1}


class Journal:
    """The results of the first rows of a table, in a file.

    Args:
        path: The file; it is made when the first results come.
        depends_on: All that the results depend on; a journal with something else in its first line is not continued.
        rows: The row number of each row that gets a result, in order.
        restart: Throw away what is there.

    Raises:
        JournalError: The file is the journal of something else, or no journal.
    """

    def __init__(
        self, path: Path, depends_on: Mapping[str, str], rows: Sequence[int], *, restart: bool = False
    ) -> None:
        self.path = path
        self._header = _line({**_LAYOUT, **depends_on})
        self._rows = rows
        self.done = 0
        self._size = 0
        """Bytes of the file that hold; what follows them is torn."""
        if restart:
            self.remove()
        self._measure()

    def _measure(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            header = file.readline()
            if not self._header.startswith(header):
                raise JournalError(
                    f"{self.path} keeps the progress of another run{_difference(header, self._header)}: "
                    "start over by --restart, or name another output"
                )
            if header != self._header:
                return  # torn before the first result
            self._size = len(header)
            for row, line in zip(self._rows, file, strict=False):
                if _result(line, row) is None:
                    return
                self._size += len(line)
                self.done += 1

    def extend(self, results: Iterable[Mapping[str, object]]) -> None:
        """Add the results of the next rows and hand them to the operating system."""
        rows = self._rows[self.done :]
        lines = [_line({"row": row, "result": result}) for row, result in zip(rows, results, strict=False)]
        with self.path.open("r+b" if self._size else "wb") as file:
            file.truncate(self._size)
            file.seek(self._size)
            content = b"".join([b"" if self._size else self._header, *lines])
            file.write(content)
        self._size += len(content)
        self.done += len(lines)

    def results(self) -> Iterator[dict[str, Any]]:
        """The results so far, in order, read from the file one at a time."""
        if not self.done:
            return
        with self.path.open("rb") as file:
            file.readline()
            for _, line in zip(range(self.done), file, strict=False):
                yield json.loads(line)["result"]

    def remove(self) -> None:
        """Remove the file, if there is one."""
        self.path.unlink(missing_ok=True)


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _result(line: bytes, row: int) -> dict[str, Any] | None:
    """The result on a line; None when the line is torn or of another row."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not line.endswith(b"\n") or not isinstance(content, dict) or content.get("row") != row:
        return None
    result = content.get("result")
    return result if isinstance(result, dict) else None


def _difference(found: bytes, expected: bytes) -> str:
    """What a header says otherwise, to name it to a person."""
    try:
        theirs, ours = json.loads(found), json.loads(expected)
        names = [name for name in ours if theirs.get(name) != ours[name]]
    except (ValueError, AttributeError):
        return " (or something else)"
    return f" (of another {', '.join(names)})" if names else ""
