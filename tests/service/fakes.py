"""Real pipelines with one thing added: a gate, or a mishap. The service cannot tell them from others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from earshot import Bundle, Pipeline, Result
from earshot.pipeline import Prepared


class HeldPipeline(Pipeline):
    """Its predictions can be held back."""

    def __init__(self, bundle: Bundle) -> None:
        self._gate = threading.Event()
        self._gate.set()
        self._entered = threading.Semaphore(0)
        super().__init__(bundle, threads=1)

    def judge(self, prepared: Sequence[Prepared]) -> list[Result]:
        if not self._gate.is_set():
            self._entered.release()
            self._gate.wait()
        return super().judge(prepared)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold every prediction that is asked for until the end."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    def wait_until_entered(self) -> None:
        """Wait until one more prediction is held."""
        assert self._entered.acquire(timeout=30)


class MishapPipeline(Pipeline):
    """Fails over texts that hold the word `mishap`, with an error that quotes the text."""

    def judge(self, prepared: Sequence[Prepared]) -> list[Result]:
        for item in prepared:
            if "mishap" in item.post.text:
                raise RuntimeError(f"cannot judge {item.post.text}")
        return super().judge(prepared)
