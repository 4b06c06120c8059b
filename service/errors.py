"""What the service itself refuses. It knows nothing of HTTP: `error_handlers` maps each to a response.

```
ServiceError (an EarshotError)
├── SettingsError          an environment variable or option that cannot be used
├── UnusableRequestError   a body that is no request; names the fields at fault
├── BodyTooLargeError      more bytes than are read
├── OverloadedError        the budget of tokens, or of streams, is spent
├── DeadlineExceededError  the answer would come after the request's deadline
├── UnauthorizedError      a key is missing, or is none of ours
├── CrossSiteError         a page of another site sends corrections
├── FeedbackOffError       corrections are not taken here
├── FeedbackUnavailableError    corrections cannot be kept at the moment
├── KeyReusedError         an idempotency key that was used for another correction before
├── AdministrationOffError no admin key is configured
├── UnknownModelError      a path names a model that is not served
├── ReloadRefusedError     a new model cannot be used, or there is none to go back to
└── NotReadyError          there is no model to ask: starting, draining, stalled or failed
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earshot import EarshotError, ModelIdentity


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
    """As much is under way as can be answered in good time."""

    def __init__(self, *, pending_tokens: int, max_pending_tokens: int) -> None:
        super().__init__(
            f"{pending_tokens} tokens are under way and at most {max_pending_tokens} may be; try again a little later."
        )


class TooManyStreamsError(OverloadedError):
    """As many streams are open as may be."""

    def __init__(self, max_streams: int) -> None:
        ServiceError.__init__(self, f"{max_streams} streams are open, and no more may be; try again a little later.")


class DeadlineExceededError(ServiceError):
    """The request's deadline has passed before it was answered."""

    def __init__(self, timeout_ms: int) -> None:
        super().__init__(
            f"There was no answer within {timeout_ms} ms; ask for fewer posts, or allow more time by the header "
            "X-Request-Timeout-Ms."
        )


class UnauthorizedError(ServiceError):
    """A route wants a key, and the caller sent none or an unknown one."""

    def __init__(self) -> None:
        super().__init__("Send a valid key, as 'Authorization: Bearer KEY' or as 'X-API-Key: KEY'.")


class CrossSiteError(ServiceError):
    """A browser sends corrections for a page of another site."""

    def __init__(self) -> None:
        super().__init__("Corrections are not taken from pages of other sites, whose visitors may not know of them.")


class FeedbackOffError(ServiceError):
    """Corrections are not taken here."""

    def __init__(self) -> None:
        super().__init__("Corrections are not taken here: whoever runs the service has turned feedback off.")


class FeedbackUnavailableError(ServiceError):
    """Corrections cannot be kept at the moment; nothing was kept."""

    def __init__(self) -> None:
        super().__init__("Corrections cannot be kept at the moment, and this one was not; try again a little later.")


class KeyReusedError(ServiceError):
    """An idempotency key was used for another correction before."""

    def __init__(self) -> None:
        super().__init__(
            "The idempotency key was used for another correction before; give each correction a key of its own."
        )


class AdministrationOffError(ServiceError):
    """No admin key is configured, so that nothing can be administered."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this path: whoever runs the service has configured no admin key.")


class UnknownModelError(ServiceError):
    """A path names a model, or a version of it, that is not served."""

    def __init__(self, served: ModelIdentity) -> None:
        super().__init__(f"Only the model '{served.name}' is served here, in version {served.version}.")


class ReloadRefusedError(ServiceError):
    """The model stays as it is: the new one cannot be used, or there is none to go back to."""


class NotReadyError(ServiceError):
    """There is no model to ask."""
