"""The harness's part of the core's error family; the command line answers each with exit code 2.

```
EarshotError
├── SuiteError      a suite is unknown, unreadable, or its data is not what it says
├── ServiceError    a running service does not answer as the contract says
└── ResultsError    an evaluation's results cannot be read, written, or put to this use
```
"""

from __future__ import annotations

from earshot.errors import EarshotError


class SuiteError(EarshotError):
    """A suite cannot be judged on: it is unknown or unreadable, or its data is missing or another."""


class ServiceError(EarshotError):
    """A running service gave no usable answer."""


class ResultsError(EarshotError):
    """Results of an evaluation cannot be read or written, or belong to another model."""
