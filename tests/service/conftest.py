from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from service.app import create_app
from service.lifespan import Lifecycle
from service.settings import ENV_PREFIX, FEEDBACK_OFF, Settings
from tests.tiny import write_tiny_bundle

READY_WITHIN_S = 30


@pytest.fixture(scope="package", autouse=True)
def _default_settings() -> Iterator[None]:
    """Whatever this machine configures is not what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith((ENV_PREFIX, "OTEL_"))]:
            patch.delenv(name)
        patch.setenv(f"{ENV_PREFIX}FEEDBACK_DATABASE", FEEDBACK_OFF)
        yield


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle that no test may spoil."""
    return write_tiny_bundle(tmp_path_factory.mktemp("service") / "tiny")


@contextmanager
def serving(settings: Settings, load: Callable[[], Pipeline]) -> Iterator[TestClient]:
    """A client of a service that is ready."""
    with TestClient(create_app(settings, Lifecycle(settings, load))) as client:
        wait_until_ready(client)
        yield client


def wait_until_ready(client: TestClient) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="session")
def client(bundle: Bundle) -> Iterator[TestClient]:
    """A client of a service with default settings."""
    with serving(Settings(), lambda: Pipeline(bundle, threads=2)) as client:
        yield client
