from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from earshot import Bundle, Pipeline
from service.settings import Settings
from tests.service.conftest import serving

Body = Callable[..., dict[str, Any]]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/feedback.db"


@pytest.fixture
def desk(bundle: Bundle, database: str) -> Iterator[TestClient]:
    """A client of a service that takes corrections."""
    with serving(Settings(feedback_database=database), lambda: Pipeline(bundle, threads=1)) as client:
        yield client


@pytest.fixture
def body(bundle: Bundle) -> Body:
    """Makes the body of a correction; a field that is given as None is left out."""

    def make(**changed: object) -> dict[str, Any]:
        made = {
            "text": "You took 14.99 twice",
            "id": "a1",
            "prediction": {
                "model_digest": bundle.identity.digest,
                "category": "complaint",
                "secondary": ["leak"],
                "urgency": "medium",
                "confidence": 0.61,
            },
            "correction": {"category": "billing", "secondary": ["complaint"], "urgency": "high"},
            "reviewer": "ada",
            "note": "charged twice",
        } | changed
        return {name: value for name, value in made.items() if value is not None}

    return make
