"""Keeps corrections off the event loop, on threads of its own. Knows nothing of HTTP.

Whatever happens to the database, posts go on being judged: it is opened beside the model, and when that fails, tried
again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from earshot import EarshotError, FeedbackError, IdempotencyKeyReusedError
from earshot.feedback import Correction, KeptCorrection
from service.errors import FeedbackOffError, FeedbackUnavailableError, KeyReusedError
from service.metrics import Metrics

if TYPE_CHECKING:
    from earshot.feedback.store import FeedbackStore

_logger = logging.getLogger(__name__)

_THREADS = 4
_MAX_PENDING = 64
"""Corrections that wait for the database; more are refused, so that a stuck one takes up no more memory."""
_REST_S = 5.0
"""Seconds for which a database that could not be opened is left alone."""


class Recorder:
    """Hands corrections to a database.

    Args:
        database: Its URL, or None to take none.
        metrics: Where they are counted.
        clock: Seconds that only go forward.
    """

    def __init__(self, database: str | None, *, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._store: FeedbackStore | None = None
        self._opening = threading.Lock()
        self._failed_at: float | None = None
        self._pending = 0
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="earshot-feedback")

    def start(self) -> None:
        """Begin to open the database."""
        if self._database is not None:
            self._threads.submit(self._try_to_open)

    def check(self) -> None:
        """Make sure that corrections are taken at all.

        Raises:
            FeedbackOffError: None are.
        """
        if self._database is None:
            raise FeedbackOffError

    async def keep(self, correction: Correction) -> KeptCorrection:
        """Keep a correction; once this returns, it is on disk.

        Raises:
            FeedbackOffError: None are taken.
            FeedbackUnavailableError: The database does not take it.
            KeyReusedError: Its idempotency key was used for another correction.
        """
        self.check()
        if self._pending >= _MAX_PENDING:
            raise FeedbackUnavailableError
        self._pending += 1
        try:
            # Shielded: what a thread has begun goes on, and counts until it is done, though the caller left.
            kept = await asyncio.shield(self._submit(correction))
        except IdempotencyKeyReusedError:
            raise KeyReusedError from None
        except FeedbackError as error:
            _logger.error("a correction could not be kept: %s", error)
            raise FeedbackUnavailableError from None
        if not kept.repeated:
            right = correction.corrected.category == correction.predicted.labels.category
            self._metrics.feedback.labels("confirmed" if right else "corrected").inc()
        return kept

    def _submit(self, correction: Correction) -> asyncio.Future[KeptCorrection]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._keep, correction)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: asyncio.Future[KeptCorrection]) -> None:
        self._pending -= 1
        if not future.cancelled():
            future.exception()  # it is looked at, though the caller may have left

    async def close(self) -> None:
        """Let what is pending be kept, then let go of the database; a closed recorder is not used again."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._store is not None:
            self._store.close()

    def _keep(self, correction: Correction) -> KeptCorrection:
        return self._open().keep(correction)

    def _try_to_open(self) -> None:
        with suppress(FeedbackError):  # it is in the log, and is tried again when a correction comes
            self._open()

    def _open(self) -> FeedbackStore:
        with self._opening:
            if self._store is None:
                self._rest()
                self._store = self._open_anew()
            return self._store

    def _rest(self) -> None:
        if self._failed_at is not None and self._clock() - self._failed_at < _REST_S:
            raise FeedbackError("the feedback database could not be opened a moment ago")

    def _open_anew(self) -> FeedbackStore:
        # Here and not above: it takes half a second, and a service that takes no corrections needs none of it.
        from earshot.feedback.store import FeedbackStore

        try:
            store = FeedbackStore.open(self._database or "")
        except EarshotError as error:
            self._failed_at = self._clock()
            _logger.error("corrections are refused until the feedback database can be opened: %s", error)
            raise FeedbackError(str(error)) from None
        _logger.info("corrections are kept in %s", store.database)
        return store
