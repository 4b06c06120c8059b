from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from earshot import Bundle, Post
from service.budget import TokenBudget
from service.classifier import Classifier
from service.errors import OverloadedError
from service.metrics import Metrics
from tests.service.fakes import HeldPipeline, MishapPipeline


@pytest.fixture
def pipeline(bundle: Bundle) -> HeldPipeline:
    return HeldPipeline(bundle)


@dataclass
class Stage:
    """A classifier with two threads, and room for about four posts of three tokens each."""

    classifier: Classifier
    budget: TokenBudget
    metrics: Metrics


def run(
    pipeline: HeldPipeline | MishapPipeline,
    story: Callable[[Stage], Coroutine[Any, Any, None]],
    *,
    max_batch_ms: int = 30_000,
) -> None:
    async def tell() -> None:
        budget, metrics = TokenBudget(12, max_wait_s=30, threads=2), Metrics()
        classifier = Classifier(
            pipeline, threads=2, max_batch_tokens=100, max_batch_ms=max_batch_ms, budget=budget, metrics=metrics
        )
        try:
            await story(Stage(classifier, budget, metrics))
        finally:
            assert await classifier.close(timeout_s=30)
            pipeline.close()

    asyncio.run(tell())


def test_posts_get_their_results_in_order(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        judgement = await stage.classifier.classify([Post("love", "1"), Post("", "2"), Post("refund", "3")])
        assert [result.id for result in judgement.results] == ["1", "2", "3"]
        assert min(judgement.queue_ms, judgement.tokenize_ms, judgement.inference_ms) >= 0

    run(pipeline, story)


def test_a_request_that_does_not_fit_is_refused_at_once_and_the_others_are_not_disturbed(
    pipeline: HeldPipeline,
) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            tasks = [asyncio.create_task(stage.classifier.classify([Post("love")])) for _ in range(4)]
            await asyncio.to_thread(pipeline.wait_until_entered)
            assert stage.budget.pending_tokens == 12
            with pytest.raises(OverloadedError, match="12 tokens are under way and at most 12"):
                await stage.classifier.classify([Post("love")])
        assert [len((await task).results) for task in tasks] == [1] * 4
        assert stage.budget.pending_tokens == 0

    run(pipeline, story)


def test_a_large_request_leaves_room_to_others(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            large = asyncio.create_task(stage.classifier.classify([Post("love")] * 40))
            await asyncio.to_thread(pipeline.wait_until_entered)
            assert stage.budget.pending_tokens == 3
            small = asyncio.create_task(stage.classifier.classify([Post("refund")]))
            await asyncio.sleep(0)
        assert len((await large).results) == 40
        assert len((await small).results) == 1

    run(pipeline, story)


def test_background_work_is_let_in_although_the_budget_is_spent(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            tasks = [asyncio.create_task(stage.classifier.classify([Post("love")])) for _ in range(4)]
            await asyncio.to_thread(pipeline.wait_until_entered)
            background = asyncio.create_task(stage.classifier.classify([Post("refund")], background=True))
            await asyncio.sleep(0)
        assert len((await background).results) == 1
        await asyncio.gather(*tasks)

    run(pipeline, story)


def test_nothing_to_judge_is_never_refused(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            tasks = [asyncio.create_task(stage.classifier.classify([Post("love")])) for _ in range(4)]
            await asyncio.to_thread(pipeline.wait_until_entered)
            assert (await stage.classifier.classify([])).results == []
        await asyncio.gather(*tasks)

    run(pipeline, story)


def test_what_a_cancelled_request_brought_is_not_judged_if_it_still_waits(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            tasks = []
            for _ in range(2):
                tasks.append(asyncio.create_task(stage.classifier.classify([Post("love")])))
                await asyncio.to_thread(pipeline.wait_until_entered)
            leaver = asyncio.create_task(stage.classifier.classify([Post("refund")]))
            while not stage.classifier.waiting_posts:  # noqa: ASYNC110 — seen from outside
                await asyncio.sleep(0)
            leaver.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaver
            assert stage.classifier.waiting_posts == 0
            assert stage.budget.pending_tokens == 6
        await asyncio.gather(*tasks)

    run(pipeline, story)


def test_a_request_that_failed_leaves_its_room_to_others(bundle: Bundle) -> None:
    async def story(stage: Stage) -> None:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await stage.classifier.classify([Post("a mishap")] * 4)
        assert stage.budget.pending_tokens == 0

    run(MishapPipeline(bundle, threads=1), story)


def test_closing_lets_what_is_pending_finish(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        with pipeline.held():
            task = asyncio.create_task(stage.classifier.classify([Post("love")]))
            await asyncio.to_thread(pipeline.wait_until_entered)
            closing = asyncio.create_task(stage.classifier.close(timeout_s=30))
            await asyncio.sleep(0)
        assert await closing
        assert len((await task).results) == 1

    run(pipeline, story)


def test_a_batch_that_takes_too_long_is_unsound_until_it_is_done(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        assert stage.classifier.is_sound()
        with pipeline.held():
            task = asyncio.create_task(stage.classifier.classify([Post("love")]))
            while stage.classifier.is_sound():  # noqa: ASYNC110 — seen from outside, as a probe sees it
                await asyncio.sleep(0.001)
        await task
        while not stage.classifier.is_sound():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    run(pipeline, story, max_batch_ms=20)


def test_what_was_said_is_counted(pipeline: HeldPipeline) -> None:
    async def story(stage: Stage) -> None:
        await stage.classifier.classify([Post("love it", "1"), Post(""), Post("a refund today")])
        value = stage.metrics.registry.get_sample_value
        assert value("earshot_posts_total", {"outcome": "predicted", "lane": "interactive"}) == 2
        assert value("earshot_posts_total", {"outcome": "rejected", "lane": "interactive"}) == 1
        assert value("earshot_predictions_total", {"category": "praise", "urgency": "low"}) == 1
        assert value("earshot_confidence_count") == 2
        assert value("earshot_queue_duration_seconds_count", {"lane": "interactive"}) == 1

    run(pipeline, story)
