from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earshot.feedback.store import FeedbackStore


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/feedback.db"
    new_database: Callable[[], str] = request.getfixturevalue("postgresql")
    return new_database()


@pytest.fixture
def store(database: str) -> Iterator[FeedbackStore]:
    opened = FeedbackStore.open(database)
    yield opened
    opened.close()
