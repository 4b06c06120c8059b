"""The service's life: load and warm up, serve, drain, close. Knows nothing of routes or requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from earshot import Pipeline, Post
from service.classifier import Classifier
from service.errors import NotReadyError
from service.settings import Settings

_logger = logging.getLogger(__name__)


class Phase(StrEnum):
    """Where in its life the service is; the value is what a caller is told when there is no model to ask."""

    STARTING = "The model is still being loaded; try again a little later."
    READY = "The model is ready."
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


class Lifecycle:
    """Holds the model from its loading to its closing, and says whether it may be asked.

    Loading goes on in the background, so that probes are answered from the first moment.

    Args:
        settings: The service's settings.
        load: How to get the model; by default from the bundle that the settings name.

    Attributes:
        failure: Why the model could not be loaded, or None.
    """

    def __init__(self, settings: Settings, load: Callable[[], Pipeline] | None = None) -> None:
        self._settings = settings
        self._load = load or partial(Pipeline.load, settings.model, threads=settings.threads, backend=settings.backend)
        self._model: ServedModel | None = None
        self._draining = False
        self.failure: Exception | None = None

    @property
    def phase(self) -> Phase:
        """Where in its life the service is."""
        if self._draining:
            return Phase.DRAINING
        if self.failure is not None:
            return Phase.FAILED
        return Phase.STARTING if self._model is None else Phase.READY

    def model(self) -> ServedModel:
        """Give the model.

        Raises:
            NotReadyError: There is none yet, or none any more.
        """
        if self._model is None or self.phase is not Phase.READY:
            raise NotReadyError(self.phase.value)
        return self._model

    def drain(self) -> None:
        """Let nothing new in; what is under way goes on. Safe to call from a signal handler, and twice."""
        self._draining = True

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Live: load in the background, then drain and close."""
        loading = asyncio.create_task(self._start())
        try:
            yield
        finally:
            self.drain()
            await loading
            await self._close()

    async def _start(self) -> None:
        started = time.perf_counter()
        try:
            pipeline = await asyncio.to_thread(self._load_and_warm_up)
        except Exception as error:  # whatever it is, whoever runs the service is to learn of it
            self.failure = error
            return
        classifier = Classifier(
            pipeline,
            threads=pipeline.session.threads,
            max_batch_tokens=self._settings.max_batch_tokens,
            max_pending_posts=self._settings.max_pending_posts,
        )
        self._model = ServedModel(pipeline, classifier)
        _logger.info("%s %s ready after %.1f s", *_names(pipeline), time.perf_counter() - started)

    def _load_and_warm_up(self) -> Pipeline:
        pipeline = self._load()
        # As long a post as the model reads, so that its memory is not allocated on the first caller's time.
        pipeline.predict([Post("warm up " * pipeline.bundle.manifest.limits.max_tokens)])
        return pipeline

    async def _close(self) -> None:
        if self._model is not None:
            await self._model.classifier.close()
            self._model.pipeline.close()
            _logger.info("%s %s closed", *_names(self._model.pipeline))


def _names(pipeline: Pipeline) -> tuple[str, str]:
    return pipeline.identity.name, pipeline.identity.version
