"""How much may be under way at once, in tokens. Knows nothing of posts or models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import OverloadedError

_LARGEST_PART = 4
"""A request takes at most this part of the budget, however large it is: turns are taken by request (`batcher`), so what
it has waiting beyond its turn makes nobody wait."""
_LEAST_TOKENS = 512
"""The budget does not shrink below this, however slow the machine is."""
_NEWEST = 0.05
"""How much the latest batch counts in what is known of the speed."""


class TokenBudget:
    """Lets requests in until as many tokens are under way as can be judged in good time.

    A caller who is told at once to come back is better off than one in a queue that only grows. How many tokens that
    is depends on the machine and on what else runs there, so it is measured: each batch tells how long it took.

    Requests are let in on the event loop alone; batches tell from any thread.

    Args:
        max_pending_tokens: Tokens of all requests that wait or are being judged, at most.
        max_wait_s: Seconds that the last of them may take until it is judged, by what was measured.
        threads: Batches that are judged at once.

    Attributes:
        pending_tokens: Tokens that are under way.
    """

    def __init__(self, max_pending_tokens: int, *, max_wait_s: float, threads: int) -> None:
        self.max_pending_tokens = max_pending_tokens
        self.pending_tokens = 0
        self._max_wait_s = max_wait_s
        self._threads = threads
        self._tokens_per_s: float | None = None

    @property
    def limit(self) -> int:
        """Tokens that may be under way now."""
        speed = self._tokens_per_s
        if speed is None:
            return self.max_pending_tokens
        return min(self.max_pending_tokens, max(_LEAST_TOKENS, int(speed * self._max_wait_s)))

    def ran(self, tokens: int, seconds: float) -> None:
        """Learn how long a batch took, while the other threads were as busy as they were."""
        speed = self._threads * tokens / max(seconds, 1e-6)
        known = self._tokens_per_s
        self._tokens_per_s = speed if known is None else known + _NEWEST * (speed - known)

    def check(self) -> None:
        """Refuse what cannot be let in whatever its size is, before any work is done for it.

        Raises:
            OverloadedError: The budget is spent.
        """
        if self.pending_tokens >= self.limit:
            raise OverloadedError(pending_tokens=self.pending_tokens, max_pending_tokens=self.limit)

    @contextmanager
    def taken(self, tokens: int) -> Iterator[None]:
        """Hold so many tokens until the end.

        Raises:
            OverloadedError: They don't fit.
        """
        limit = self.limit
        held = min(tokens, max(1, limit // _LARGEST_PART))
        if self.pending_tokens + held > limit:
            raise OverloadedError(pending_tokens=self.pending_tokens, max_pending_tokens=limit)
        self.pending_tokens += held
        try:
            yield
        finally:
            self.pending_tokens -= held
