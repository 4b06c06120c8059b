from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from earshot.bundle import Bundle
from registry.push import push
from registry.store import Registered, Registry
from tests.tiny import write_tiny_bundle


def silent(_: str) -> None:
    pass


def tiny(folder: Path, version: str) -> Bundle:
    """The tiny bundle; another version has another digest."""
    return write_tiny_bundle(folder / f"tiny-{version}", version=version)


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a real MLflow database, in which artifacts lie as well."""
    home = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # where MLflow puts the artifacts of a database without a server
        yield home


@pytest.fixture(scope="session")
def uri(mlflow_home: Path) -> str:
    return f"sqlite:///{mlflow_home / 'mlflow.db'}"


@pytest.fixture(scope="session")
def pushed(uri: str, mlflow_home: Path) -> tuple[Registry, list[Registered]]:
    """Three versions in a registry that no test changes."""
    registry = Registry(uri, "pushed")
    return registry, [push(tiny(mlflow_home, number), registry, silent) for number in ("1", "2", "3")]
