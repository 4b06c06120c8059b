"""How much may be under way at once, in tokens. Knows nothing of posts or models; used on the event loop alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import OverloadedError

_LARGEST_PART = 4
"""A request takes at most this part of the budget, however large it is: turns are taken by request (`batcher`), so what
it has waiting beyond its turn makes nobody wait."""


class TokenBudget:
    """Lets requests in until as many tokens are under way as can be judged in good time.

    A caller who is told at once to come back is better off than one in a queue that only grows.

    Args:
        max_pending_tokens: Tokens of all requests that wait or are being judged.

    Attributes:
        pending_tokens: Tokens that are under way.
    """

    def __init__(self, max_pending_tokens: int) -> None:
        self.max_pending_tokens = max_pending_tokens
        self.pending_tokens = 0
        self._largest = max(1, max_pending_tokens // _LARGEST_PART)

    def check(self) -> None:
        """Refuse what cannot be let in whatever its size is, before any work is done for it.

        Raises:
            OverloadedError: The budget is spent.
        """
        if self.pending_tokens >= self.max_pending_tokens:
            raise OverloadedError(pending_tokens=self.pending_tokens, max_pending_tokens=self.max_pending_tokens)

    @contextmanager
    def taken(self, tokens: int) -> Iterator[None]:
        """Hold so many tokens until the end.

        Raises:
            OverloadedError: They don't fit.
        """
        held = min(tokens, self._largest)
        if self.pending_tokens + held > self.max_pending_tokens:
            raise OverloadedError(pending_tokens=self.pending_tokens, max_pending_tokens=self.max_pending_tokens)
        self.pending_tokens += held
        try:
            yield
        finally:
            self.pending_tokens -= held
