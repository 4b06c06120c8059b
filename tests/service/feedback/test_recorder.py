from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from earshot.feedback import Correction, KeptCorrection
from earshot.feedback.store import FeedbackStore
from service.errors import FeedbackOffError, FeedbackUnavailableError
from service.feedback.recorder import Recorder
from service.metrics import Metrics
from tests.feedback import correction


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds every correction in front of the database until the event is set."""
    gate, keep = threading.Event(), FeedbackStore.keep

    def wait_and_keep(store: FeedbackStore, said: Correction) -> KeptCorrection:
        gate.wait()
        return keep(store, said)

    with monkeypatch.context() as patch:
        patch.setattr(FeedbackStore, "keep", wait_and_keep)
        try:
            yield gate
        finally:
            gate.set()


def test_a_database_that_comes_back_is_used(tmp_path: Path) -> None:
    now = 0.0
    (tmp_path / "folder").touch()

    async def story() -> None:
        nonlocal now
        recorder = Recorder(f"sqlite:///{tmp_path}/folder/feedback.db", metrics=Metrics(), clock=lambda: now)
        recorder.start()
        with pytest.raises(FeedbackUnavailableError):
            await recorder.keep(correction())
        (tmp_path / "folder").unlink()
        with pytest.raises(FeedbackUnavailableError):  # it is left alone for a moment
            await recorder.keep(correction())
        now += 60
        await recorder.keep(correction())
        await recorder.close()

    asyncio.run(story())


def test_a_stuck_database_takes_up_no_more_than_so_many_corrections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = f"sqlite:///{tmp_path}/feedback.db"

    async def story() -> None:
        recorder = Recorder(database, metrics=Metrics())
        with held(monkeypatch) as gate:
            waiting = [asyncio.create_task(recorder.keep(correction())) for _ in range(64)]
            await asyncio.sleep(0)
            with pytest.raises(FeedbackUnavailableError):
                await recorder.keep(correction())
            gate.set()
            assert len(await asyncio.gather(*waiting)) == 64
        await recorder.keep(correction())
        await recorder.close()

    asyncio.run(story())


def test_what_was_begun_is_kept_though_its_caller_left_and_the_service_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = f"sqlite:///{tmp_path}/feedback.db"

    async def story() -> None:
        recorder = Recorder(database, metrics=Metrics())
        with held(monkeypatch) as gate:
            leaver = asyncio.create_task(recorder.keep(correction()))
            await asyncio.sleep(0)
            leaver.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaver
            gate.set()
            await recorder.close()

    asyncio.run(story())
    store = FeedbackStore.open(database)
    assert len(list(store.corrections())) == 1
    store.close()


def test_without_a_database_none_are_taken() -> None:
    async def story() -> None:
        recorder = Recorder(None, metrics=Metrics())
        recorder.start()
        with pytest.raises(FeedbackOffError):
            await recorder.keep(correction())
        await recorder.close()

    asyncio.run(story())
