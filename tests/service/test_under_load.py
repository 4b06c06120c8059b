"""Stopped, or given another model, while many callers are served: no request is lost, and no answer is wrong."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from benchmarks.callers import Callers, Tally
from earshot import Bundle, Pipeline, Post, Prediction
from earshot.bundle import GRAPH
from tests.service.test_main import WITHIN_S, Server, server, wait_until_ready
from tests.tiny import KEYWORDS, URGENT, write_tiny_bundle

TEXTS = [f"{word} {more} it" for word in KEYWORDS for more in (*URGENT, "now")]
CONNECTIONS = 40


@pytest.fixture(scope="module")
def expected(bundle: Bundle) -> list[tuple[str, Mapping[str, float] | None]]:
    with Pipeline(bundle, threads=1) as pipeline:
        results = pipeline.predict([Post(text) for text in TEXTS])
    return [
        (text, result.scores) for text, result in zip(TEXTS, results, strict=True) if isinstance(result, Prediction)
    ]


@dataclass
class Scene:
    """A server whose callers go on while something happens to it."""

    running: Server
    callers: Callers

    async def until_answered(self, more: int, *, version: str | None = None) -> None:
        """Wait until so many more were answered."""

        def answered() -> int:
            models = self.callers.tally.models
            return models.total() if version is None else models[version]

        enough = answered() + more
        async with asyncio.timeout(WITHIN_S):
            while answered() < enough:  # noqa: ASYNC110 — counted by others
                await asyncio.sleep(0.01)


def under_load(
    bundle: Bundle,
    folder: Path,
    expected: list[tuple[str, Mapping[str, float] | None]],
    happens: Callable[[Scene], Awaitable[None]],
) -> Tally:
    async def tell(running: Server) -> Tally:
        callers = Callers(int(running.url.rpartition(":")[2]), expected)
        calling = asyncio.create_task(callers.call(CONNECTIONS, seconds=WITHIN_S))
        scene = Scene(running, callers)
        await scene.until_answered(100)
        await happens(scene)
        callers.stop()
        return await calling

    with server(bundle, folder) as running:
        wait_until_ready(running.url)
        return asyncio.run(tell(running))


def test_stopped_under_load_every_request_is_answered(
    bundle: Bundle, tmp_path: Path, expected: list[tuple[str, Mapping[str, float] | None]]
) -> None:
    async def happens(scene: Scene) -> None:
        scene.running.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(scene.running.process.wait, WITHIN_S) == 0

    tally = under_load(bundle, tmp_path, expected, happens)
    assert (tally.lost, tally.wrong, tally.without_retry_after) == (0, [], 0)
    assert set(tally.statuses) <= {200, 503}


def test_another_model_takes_over_under_load_and_every_answer_is_right(
    tiny_bundle: Bundle, tmp_path: Path, expected: list[tuple[str, Mapping[str, float] | None]]
) -> None:
    async def happens(scene: Scene) -> None:
        write_tiny_bundle(tiny_bundle.folder, version="2")
        scene.running.process.send_signal(signal.SIGHUP)
        await scene.until_answered(100, version="2")

    tally = under_load(tiny_bundle, tmp_path, expected, happens)
    assert (tally.lost, tally.wrong) == (0, [])
    assert set(tally.statuses) == {200}
    assert set(tally.models) == {"1", "2"}


def test_a_corrupt_bundle_changes_nothing_under_load(
    tiny_bundle: Bundle, tmp_path: Path, expected: list[tuple[str, Mapping[str, float] | None]]
) -> None:
    async def happens(scene: Scene) -> None:
        (tiny_bundle.folder / GRAPH).write_bytes(b"corrupt")
        scene.running.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(WITHIN_S):
            while "the new model is refused" not in scene.running.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await scene.until_answered(100)
        metrics = await asyncio.to_thread(httpx2.get, f"{scene.running.url}/metrics")
        assert 'earshot_model_reloads_total{outcome="refused"} 1.0' in metrics.text

    tally = under_load(tiny_bundle, tmp_path, expected, happens)
    assert (tally.lost, tally.wrong) == (0, [])
    assert set(tally.statuses) == {200}
    assert set(tally.models) == {"1"}
