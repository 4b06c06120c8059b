"""What the service itself refuses. It knows nothing of HTTP: `error_handlers` maps each to a response.

```
ServiceError (an EarshotError)
├── SettingsError          an environment variable or option that cannot be used
├── UnusableRequestError   a body that is no request; names the fields at fault
├── BodyTooLargeError      more bytes than are read
├── OverloadedError        too many posts are pending
└── NotReadyError          there is no model to ask: starting, draining or failed
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earshot import EarshotError


class ServiceError(EarshotError):
    """Base of all that the service refuses; its text may be shown to callers and holds nothing of a post."""


class SettingsError(ServiceError):
    """A setting cannot be used."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a body.

    Attributes:
        field: The field's name; `body` for the body as a whole.
        detail: What is wrong, to be read after the name.
    """

    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}"


class UnusableRequestError(ServiceError):
    """A body is no request that can be carried out.

    Attributes:
        problems: What is wrong, one entry per field, at least one.
    """

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class BodyTooLargeError(ServiceError):
    """A body holds more bytes than are read."""

    def __init__(self, max_body_bytes: int) -> None:
        super().__init__(f"The body may hold {max_body_bytes} bytes at most; send the posts in several requests.")


class OverloadedError(ServiceError):
    """Too many posts are waiting to be judged."""

    def __init__(self, *, pending_posts: int, max_pending_posts: int) -> None:
        super().__init__(
            f"{pending_posts} posts are pending and at most {max_pending_posts} may be; try again a little later."
        )


class NotReadyError(ServiceError):
    """There is no model to ask."""
