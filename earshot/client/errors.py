"""What a client raises.

```
ClientError (an EarshotError)
├── UnreachableError           no connection, or it broke off, until the deadline
├── BadAnswerError             the answer is not one of an Earshot service
└── RefusedError               the service says no, and why (RFC 9457)
    ├── BusyError              429 or 503: full, starting or stopping, until the deadline
    ├── DeadlineExceededError  504: there was no answer in time
    ├── UnauthorizedError      401: the key is missing or wrong
    └── UnusableRequestError   413 or 422: the same request will never pass
```
"""

from __future__ import annotations

from collections.abc import Mapping

from earshot.errors import EarshotError


class ClientError(EarshotError):
    """Base of all that a client raises."""


class UnreachableError(ClientError):
    """There is no connection to the service."""


class BadAnswerError(ClientError):
    """Whatever answers at this address is no Earshot service, or a broken one."""


class RefusedError(ClientError):
    """The service refuses.

    Attributes:
        status: The HTTP status.
        type: A stable name for programs, such as `urn:earshot:problem:full`.
        title: The kind of problem.
        detail: What happened, and what to do about it.
        fields: With an unusable request: what is wrong, by field.
    """

    def __init__(
        self, status: int, type: str, title: str, detail: str, fields: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
        self.fields = dict(fields or {})
        super().__init__(f"{title} (status {status}): {detail}" if detail else f"{title} (status {status})")


class BusyError(RefusedError):
    """The service was full, starting or stopping for as long as there was time to ask again."""


class DeadlineExceededError(RefusedError):
    """The service did not answer in time."""


class UnauthorizedError(RefusedError):
    """The key is missing or wrong."""


class UnusableRequestError(RefusedError):
    """The request is too large or cannot be used; sent again, it would be refused again."""


KINDS: Mapping[int, type[RefusedError]] = {
    401: UnauthorizedError,
    413: UnusableRequestError,
    422: UnusableRequestError,
    429: BusyError,
    503: BusyError,
    504: DeadlineExceededError,
}
"""By HTTP status; any other is a plain `RefusedError`."""
