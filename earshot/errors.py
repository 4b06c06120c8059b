"""The one error family of the core. It knows nothing of HTTP or exit codes: `service` and the CLI map it.

```
EarshotError
├── TaxonomyError        a taxonomy file or a label that it does not hold
├── DataError            rows of a data file that cannot be used, each with row and column
├── BundleError          a bundle folder that must not be served
│   ├── BundleIntegrityError   missing file, wrong hash, wrong label order, wrong golden prediction
│   └── BundleVersionError     a manifest schema that this version does not read
├── JournalError         the kept results of an interrupted run belong to another one
├── SessionError         onnxruntime did not give what was asked for
├── FeedbackError        the database of corrections cannot be reached, or is not one
│   └── IdempotencyKeyReusedError   a key that was used for another correction before
└── MissingExtraError    an optional part is not installed
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EarshotError(Exception):
    """Base of all errors that Earshot raises on purpose; its text says what, where, and what to do."""


class TaxonomyError(EarshotError):
    """A taxonomy file is unusable, or a label is not part of the taxonomy."""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One unusable row of a data file.

    Attributes:
        row: 1-based line number for JSONL, 1-based data row (without header) for CSV and Parquet.
        column: The column at fault, or None when the whole row cannot be read.
        problem: What is wrong, without any of the post's text.
    """

    row: int
    column: str | None
    problem: str

    def __str__(self) -> str:
        column = f", column '{self.column}'" if self.column is not None else ""
        return f"row {self.row}{column}: {self.problem}"


class DataError(EarshotError):
    """A data file, or some of its rows, cannot be used.

    Attributes:
        problems: One entry per unusable row; empty when the file as a whole is at fault.
    """

    SHOWN = 100

    def __init__(self, message: str, problems: Sequence[RowProblem] = ()) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(str(problem) for problem in self.problems[: self.SHOWN])
        more = len(self.problems) - self.SHOWN
        if more > 0:
            shown += f"; and {more} more"
        super().__init__(f"{message}: {shown}" if shown else message)


class JournalError(EarshotError):
    """The kept results of an interrupted run belong to another input, model or version."""


class BundleError(EarshotError):
    """A bundle cannot be used."""


class BundleIntegrityError(BundleError):
    """A bundle's files are missing, changed, or do not do what the manifest says."""


class BundleVersionError(BundleError):
    """The manifest's schema is not one that this version of Earshot reads."""


class SessionError(EarshotError):
    """The onnxruntime session cannot be created as asked for."""


class FeedbackError(EarshotError):
    """The database of corrections cannot be reached, or is not one that this version can use."""


class IdempotencyKeyReusedError(FeedbackError):
    """An idempotency key was used for another correction before."""


class MissingExtraError(EarshotError):
    """A command or format needs an optional part that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'earshot[{extra}]'")
