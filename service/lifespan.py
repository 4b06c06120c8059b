"""The service's life: load and warm up, serve, change the model, drain, close. Knows nothing of routes or requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from earshot import EarshotError, ModelIdentity, Pipeline, Post, Result
from earshot.cpu import available_cpus
from service.budget import TokenBudget
from service.change import Change, Outcome
from service.classifier import Classifier
from service.errors import NotReadyError, ReloadRefusedError
from service.metrics import Metrics
from service.model_source import ModelSource, open_source
from service.settings import Settings
from service.shadow import ReviewFile, Shadow

_logger = logging.getLogger(__name__)

_TOKENS_A_THREAD = 4096
_WATCH_EVERY_S = 1.0
_POLL_S = 10
"""Between two looks at a registry, unless the settings say otherwise."""


class Phase(StrEnum):
    """Where in its life the service is; the value is what a caller is told when there is no model to ask."""

    STARTING = "The model is still being loaded; try again a little later."
    READY = "The model is ready."
    STALLED = "The model has stopped answering, and the service waits to be started anew; try again a little later."
    DRAINING = "The service is being stopped; try again a little later, elsewhere if you can."
    FAILED = "The model could not be loaded."


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in use.

    Attributes:
        pipeline: The model, to be described.
        classifier: The model, to be asked.
    """

    pipeline: Pipeline
    classifier: Classifier

    @property
    def identity(self) -> ModelIdentity:
        """Which it is."""
        return self.pipeline.identity

    @property
    def name(self) -> str:
        """Name and version, for the log."""
        return f"{self.identity.name} {self.identity.version}"

    async def close(self, *, timeout_s: float) -> bool:
        """Let what is pending finish, then free everything.

        Returns:
            Whether it could be; a thread that hangs keeps the rest alive.
        """
        if not await self.classifier.close(timeout_s=timeout_s):
            _logger.error("%s hangs and is left behind", self.name)
            return False
        self.pipeline.close()
        _logger.info("%s closed", self.name)
        return True


class Lifecycle:
    """Holds the model from its loading to its closing, and says whether it may be asked.

    Loading goes on in the background, so that probes are answered from the first moment. A new model is loaded,
    verified and warmed up beside the old one, which then finishes what it was asked and stays loaded, so that going
    back takes no time.

    Args:
        settings: The service's settings.
        load: How to get the model, called again for each reload; by default from where the settings say.
        source: Where models come from; by default what the settings name.
        metrics: Where it is counted.
        shadow: Compares another model with what is served.

    Attributes:
        begun: Set once the model is there, or could not be loaded: what else takes time at the start waits for it.
        failure: Why the model could not be loaded at the start, or None.
        late_requests: Requests that came while it drained.
        hung: Whether a thread hung when everything was closed.
        budget: What may be under way at once, whichever model is asked.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Pipeline] | None = None,
        *,
        source: ModelSource | None = None,
        metrics: Metrics | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        self._settings = settings
        self._source = source if source is not None or load is not None else open_source(settings.model)
        self._load = load or self._load_from_source
        self._model: ServedModel | None = None
        self._previous: ServedModel | None = None
        self._revision: str | None = None
        self._draining = False
        self._drained = asyncio.Event()
        self.begun = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self.metrics = metrics or Metrics()
        self._shadow = shadow or _shadow_of(settings, self.metrics)
        self.failure: Exception | None = None
        self.late_requests = 0
        self.hung = False
        threads = settings.threads or available_cpus()
        self.budget = TokenBudget(
            settings.max_pending_tokens or _TOKENS_A_THREAD * threads,
            max_wait_s=settings.max_wait_ms / 1000,
            threads=threads,
        )
        self.metrics.watch(
            queue_posts=lambda: 0 if self._model is None else self._model.classifier.waiting_posts,
            pending_tokens=lambda: self.budget.pending_tokens,
            max_pending_tokens=lambda: self.budget.limit,
            ready=lambda: self.phase is Phase.READY,
            alive=self.is_alive,
        )

    @property
    def phase(self) -> Phase:
        """Where in its life the service is."""
        if self._draining:
            return Phase.DRAINING
        if self.failure is not None:
            return Phase.FAILED
        if self._model is None:
            return Phase.STARTING
        return Phase.READY if self._model.classifier.is_sound() else Phase.STALLED

    def is_alive(self) -> bool:
        """Whether the process is worth keeping."""
        if self.failure is not None:
            return False
        return self._model is None or self._model.classifier.is_sound()

    def model(self) -> ServedModel:
        """Give the model.

        Raises:
            NotReadyError: There is none yet, or none any more.
        """
        if self._model is None or self.phase is not Phase.READY:
            raise NotReadyError(self.phase.value)
        return self._model

    def model_of_accepted(self) -> ServedModel:
        """Give the model for what was let in before: also while the service drains.

        Raises:
            NotReadyError: There is none.
        """
        if self._model is None:
            raise NotReadyError(self.phase.value)
        return self._model

    def drain(self) -> None:
        """Let nothing new in; what is under way goes on. Safe to call from a signal handler, and twice."""
        self._draining = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._drained.set)

    async def draining(self) -> None:
        """Wait until nothing new is let in."""
        await self._drained.wait()

    def ask_for_reload(self) -> None:
        """Have the model changed in the background. Safe to call from a signal handler."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._keep, self._reload_quietly())

    async def reload(self) -> Change:
        """Load what the source gives now, verify it, warm it up, and put it in the served model's place.

        Raises:
            ReloadRefusedError: It cannot be used; everything stays as it is.
            NotReadyError: There is no model yet, or none any more.
        """
        async with self._changing:
            served = self.model_of_accepted()
            if self._draining:
                raise NotReadyError(Phase.DRAINING.value)
            try:
                pipeline = await asyncio.to_thread(self._load_and_warm_up)
            except Exception as error:
                self.metrics.reloads.labels("refused").inc()
                said = str(error) if isinstance(error, EarshotError) else type(error).__name__
                _logger.error("the new model is refused, %s goes on: %s", served.name, said)
                raise ReloadRefusedError(f"{served.name} goes on, the new model cannot be used: {said}") from error
            if pipeline.identity == served.identity:
                pipeline.close()
                self.metrics.reloads.labels("unchanged").inc()
                _logger.info("the model is unchanged: %s", served.name)
                return self._change("unchanged", served)
            dropped, self._previous = self._previous, served
            model = self._serve(pipeline)
            if dropped is not None:
                self._keep(dropped.close(timeout_s=self._settings.max_drain_s))
            self.metrics.reloads.labels("switched").inc()
            _logger.info("%s has taken the place of %s", model.name, served.name)
            return self._change("switched", model)

    async def roll_back(self) -> Change:
        """Put the model that was served before in the served one's place, at once.

        Raises:
            ReloadRefusedError: There is none.
            NotReadyError: There is no model at all.
        """
        async with self._changing:
            served = self.model_of_accepted()
            if self._previous is None:
                raise ReloadRefusedError(f"{served.name} goes on: there is no model from before to go back to")
            self._model, self._previous = self._previous, served
            self._tell_metrics(self._model.pipeline)
            self.metrics.reloads.labels("rolled_back").inc()
            _logger.warning("%s has taken the place of %s again", self._model.name, served.name)
            return self._change("rolled_back", self._model)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Live: load in the background, then drain and close."""
        self._loop = asyncio.get_running_loop()
        loading = asyncio.create_task(self._start())
        loading.add_done_callback(lambda _: self.begun.set())
        watching = [asyncio.create_task(self._watch())]
        if self._shadow is not None:
            self._shadow.start()
        if self._source is not None and (poll_s := self._poll_s(self._source)):
            watching.append(asyncio.create_task(self._follow(self._source, loading, poll_s)))
        try:
            yield
        finally:
            self.drain()
            for task in watching:
                task.cancel()
            await asyncio.wait([loading, *watching, *self._tasks])
            if self._shadow is not None:
                await asyncio.to_thread(self._shadow.close, self._settings.max_drain_s)
            await self._close()

    def _keep(self, work: Coroutine[object, object, object]) -> None:
        """Have it done in the background; the event loop itself keeps no hold of a task."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _change(self, outcome: Outcome, model: ServedModel) -> Change:
        return Change(outcome, model.identity, None if self._previous is None else self._previous.identity)

    async def _start(self) -> None:
        started = time.perf_counter()
        async with self._changing:
            try:
                pipeline = await asyncio.to_thread(self._load_and_warm_up)
            except Exception as error:  # whatever it is, whoever runs the service is to learn of it
                self.failure = error
                return
            model = self._serve(pipeline)
        _logger.info("%s ready after %.1f s", model.name, time.perf_counter() - started)

    def _serve(self, pipeline: Pipeline) -> ServedModel:
        classifier = Classifier(
            pipeline,
            threads=pipeline.session.threads,
            max_batch_tokens=self._settings.max_batch_tokens,
            max_batch_ms=self._settings.max_batch_ms,
            budget=self.budget,
            metrics=self.metrics,
            watch=partial(self._judged, pipeline.identity),
        )
        self._model = ServedModel(pipeline, classifier)
        self._tell_metrics(pipeline)
        return self._model

    def _judged(self, identity: ModelIdentity, posts: Sequence[Post], results: Sequence[Result]) -> None:
        if self._shadow is not None:
            self._shadow.offer(posts, results, identity)

    def _tell_metrics(self, pipeline: Pipeline) -> None:
        self.metrics.serves(pipeline.identity, pipeline.bundle.manifest.reference)

    def _load_from_source(self) -> Pipeline:
        assert self._source is not None  # noqa: S101 — this is the loader only where there is one
        # Asked for first: what changes while it is fetched, the next look finds.
        self._revision = _revision_of(self._source)
        bundle = self._source.fetch()
        return Pipeline(bundle, threads=self._settings.threads, backend=self._settings.backend)

    def _load_and_warm_up(self) -> Pipeline:
        pipeline = self._load()
        # As long a post as the model reads, so that its memory is not allocated on the first caller's time.
        pipeline.predict([Post("warm up " * pipeline.bundle.manifest.limits.max_tokens)])
        return pipeline

    async def _reload_quietly(self) -> None:
        with suppress(ReloadRefusedError, NotReadyError):  # logged and counted; there is nobody to be told
            await self.reload()

    def _poll_s(self, source: ModelSource) -> int:
        chosen = self._settings.model_poll_s
        return (0 if source.local else _POLL_S) if chosen is None else chosen

    async def _follow(self, source: ModelSource, loading: asyncio.Task[None], poll_s: int) -> None:
        """Look for another model from time to time; one that was refused or rolled back is not tried again."""
        await asyncio.wait([loading])
        while True:
            await asyncio.sleep(poll_s)
            try:
                if await asyncio.to_thread(source.revision) != self._revision:
                    await self.reload()
            except ReloadRefusedError as error:
                if not isinstance(error.__cause__, EarshotError):  # it may be the network, and come right by itself
                    self._revision = None
            except NotReadyError:
                return
            except Exception as error:
                _logger.warning("cannot tell whether there is another model: %s", type(error).__name__)

    async def _watch(self) -> None:
        """Say in the log when the model stops answering; probes see it by themselves."""
        sound = True
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            if sound != (sound := self.phase is not Phase.STALLED):
                if sound:
                    _logger.warning("the model answers again")
                else:
                    _logger.error("the model has stopped answering: a thread has died or hangs; liveness fails")

    async def _close(self) -> None:
        for model in (self._model, self._previous):
            if model is not None and not await model.close(timeout_s=self._settings.max_drain_s):
                self.hung = True


def _shadow_of(settings: Settings, metrics: Metrics) -> Shadow | None:
    if settings.shadow_model is None:
        return None
    file = settings.shadow_review_file
    return Shadow(
        open_source(settings.shadow_model),
        share=settings.shadow_share,
        poll_s=settings.model_poll_s or _POLL_S,
        metrics=metrics,
        review=None if file is None else ReviewFile(file, settings.shadow_review_max_bytes),
    )


def _revision_of(source: ModelSource) -> str | None:
    """What the source gives now, or None where it cannot tell."""
    try:
        return source.revision()
    except Exception:  # whatever it is, fetching will say it, or does without
        return None
