from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from earshot import Bundle, Post
from service.classifier import Classifier
from service.errors import OverloadedError
from tests.service.fakes import HeldPipeline, MishapPipeline


@pytest.fixture
def pipeline(bundle: Bundle) -> HeldPipeline:
    return HeldPipeline(bundle)


def run(pipeline: HeldPipeline | MishapPipeline, story: Callable[[Classifier], Coroutine[Any, Any, None]]) -> None:
    """Tell a story of a classifier with room for four posts, two requests at once."""

    async def tell() -> None:
        classifier = Classifier(pipeline, threads=2, max_batch_tokens=100, max_pending_posts=4)
        try:
            await story(classifier)
        finally:
            await classifier.close()
            pipeline.close()

    asyncio.run(tell())


def test_posts_get_their_results_in_order(pipeline: HeldPipeline) -> None:
    async def story(classifier: Classifier) -> None:
        judgement = await classifier.classify([Post("love", "1"), Post("", "2"), Post("refund", "3")])
        assert [result.id for result in judgement.results] == ["1", "2", "3"]
        assert min(judgement.queue_ms, judgement.tokenize_ms, judgement.inference_ms) >= 0

    run(pipeline, story)


def test_a_request_that_does_not_fit_is_refused_at_once_and_the_others_are_not_disturbed(
    pipeline: HeldPipeline,
) -> None:
    async def story(classifier: Classifier) -> None:
        with pipeline.held():
            first = asyncio.create_task(classifier.classify([Post("love")] * 3))
            await asyncio.to_thread(pipeline.wait_until_entered)
            assert classifier.pending_posts == 3
            with pytest.raises(OverloadedError, match="3 posts are pending and at most 4"):
                await classifier.classify([Post("love")] * 2)
            last = asyncio.create_task(classifier.classify([Post("refund")]))
            await asyncio.to_thread(pipeline.wait_until_entered)
        assert len((await first).results) == 3
        assert len((await last).results) == 1
        assert classifier.pending_posts == 0

    run(pipeline, story)


def test_nothing_to_judge_is_never_refused(pipeline: HeldPipeline) -> None:
    async def story(classifier: Classifier) -> None:
        with pipeline.held():
            task = asyncio.create_task(classifier.classify([Post("love")] * 4))
            await asyncio.to_thread(pipeline.wait_until_entered)
            assert (await classifier.classify([])).results == []
        await task

    run(pipeline, story)


def test_a_cancelled_request_counts_until_its_posts_are_done_with(pipeline: HeldPipeline) -> None:
    async def story(classifier: Classifier) -> None:
        with pipeline.held():
            task = asyncio.create_task(classifier.classify([Post("love")] * 4))
            await asyncio.to_thread(pipeline.wait_until_entered)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert classifier.pending_posts == 4
        await classifier.close()
        assert classifier.pending_posts == 0

    run(pipeline, story)


def test_a_request_that_failed_leaves_its_room_to_others(bundle: Bundle) -> None:
    async def story(classifier: Classifier) -> None:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await classifier.classify([Post("a mishap")] * 4)
        assert classifier.pending_posts == 0

    run(MishapPipeline(bundle, threads=1), story)


def test_closing_lets_what_is_pending_finish(pipeline: HeldPipeline) -> None:
    async def story(classifier: Classifier) -> None:
        with pipeline.held():
            task = asyncio.create_task(classifier.classify([Post("love")]))
            await asyncio.to_thread(pipeline.wait_until_entered)
            closing = asyncio.create_task(classifier.close())
            await asyncio.sleep(0)
        await closing
        assert len((await task).results) == 1

    run(pipeline, story)
