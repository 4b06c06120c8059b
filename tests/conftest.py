from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from earshot.bundle import Bundle
from earshot.pipeline import Pipeline
from tests.tiny import write_tiny_bundle

pytest_plugins = ["tests.browser", "tests.postgresql"]

# The same examples at every run, because a red test must not turn green by itself, and no deadline, because a test
# never asserts on time. `pytest --hypothesis-profile=explore` looks further.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_feedback_of_ours() -> Iterator[None]:
    """A test's corrections don't end up among the user's; a test that makes some says where they are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARSHOT_FEEDBACK_DATABASE", "off")
        yield


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Bundle:
    """A fresh copy that a test may spoil."""
    return write_tiny_bundle(tmp_path / "tiny")


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The tiny bundle, loaded once for all tests that only ask it."""
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    with Pipeline(bundle, threads=2) as pipeline:
        yield pipeline
