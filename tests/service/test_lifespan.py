from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from earshot import Bundle, BundleIntegrityError, Pipeline, Post
from service.errors import NotReadyError
from service.lifespan import Lifecycle, Phase
from service.settings import Settings
from tests.service.fakes import HeldPipeline


def run(lifecycle: Lifecycle, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def tell() -> None:
        async with lifecycle.run():
            await story()

    asyncio.run(tell())


async def leave_start(lifecycle: Lifecycle) -> None:
    async with asyncio.timeout(30):
        while phase(lifecycle) is Phase.STARTING:  # noqa: ASYNC110 — seen from outside, as a probe sees it
            await asyncio.sleep(0.001)


def phase(lifecycle: Lifecycle) -> Phase:
    """Look again: the type checker would hold a property that was once compared for unchanging."""
    return lifecycle.phase


def test_the_model_is_there_only_once_it_is_loaded(bundle: Bundle) -> None:
    gate = threading.Event()

    def load() -> Pipeline:
        gate.wait()
        return Pipeline(bundle, threads=1)

    lifecycle = Lifecycle(Settings(), load)

    async def story() -> None:
        assert phase(lifecycle) is Phase.STARTING
        with pytest.raises(NotReadyError, match="still being loaded"):
            lifecycle.model()
        gate.set()
        await leave_start(lifecycle)
        assert phase(lifecycle) is Phase.READY
        assert lifecycle.model().pipeline.identity == bundle.identity

    run(lifecycle, story)
    assert phase(lifecycle) is Phase.DRAINING


def test_the_model_of_the_settings_is_served_by_default(bundle: Bundle) -> None:
    lifecycle = Lifecycle(Settings(model=str(bundle.folder)))

    async def story() -> None:
        await leave_start(lifecycle)
        assert lifecycle.model().pipeline.identity == bundle.identity

    run(lifecycle, story)


def test_a_model_that_cannot_be_loaded_is_a_failure_to_be_told_of() -> None:
    error = BundleIntegrityError("golden post 0 differs")

    def load() -> Pipeline:
        raise error

    lifecycle = Lifecycle(Settings(), load)

    async def story() -> None:
        await leave_start(lifecycle)
        assert phase(lifecycle) is Phase.FAILED
        with pytest.raises(NotReadyError, match="could not be loaded"):
            lifecycle.model()

    run(lifecycle, story)
    assert lifecycle.failure is error


def test_draining_lets_nothing_new_in_and_what_is_under_way_finish(bundle: Bundle) -> None:
    pipeline = HeldPipeline(bundle)
    lifecycle = Lifecycle(Settings(), lambda: pipeline)

    async def story() -> None:
        await leave_start(lifecycle)
        with pipeline.held():
            under_way = asyncio.create_task(lifecycle.model().classifier.classify([Post("love")]))
            await asyncio.to_thread(pipeline.wait_until_entered)
            lifecycle.drain()
            with pytest.raises(NotReadyError, match="being stopped"):
                lifecycle.model()
        assert len((await under_way).results) == 1

    run(lifecycle, story)


def test_a_stop_while_loading_is_no_failure(bundle: Bundle) -> None:
    gate = threading.Event()

    def load() -> Pipeline:
        gate.wait()
        return Pipeline(bundle, threads=1)

    lifecycle = Lifecycle(Settings(), load)

    async def story() -> None:
        lifecycle.drain()
        gate.set()

    run(lifecycle, story)
    assert phase(lifecycle) is Phase.DRAINING
    assert lifecycle.failure is None
