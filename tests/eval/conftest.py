from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earshot.pipeline import Pipeline
from eval.prediction_cache import CACHE_VARIABLE
from tests.eval.contract_server import ContractServer, serving
from tests.tiny import write_tiny_bundle


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Predictions are kept where no other test, and nobody's home, is."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder / "predictions"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that no test may spoil."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny").folder


@pytest.fixture(scope="session")
def pipeline(tiny_folder: Path) -> Iterator[Pipeline]:
    loaded = Pipeline.load(tiny_folder, threads=1)
    yield loaded
    loaded.close()


@pytest.fixture
def server(pipeline: Pipeline) -> Iterator[ContractServer]:
    with serving(pipeline) as running:
        yield running
