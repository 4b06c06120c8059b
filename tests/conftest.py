from __future__ import annotations

from pathlib import Path

import pytest

from earshot.bundle import Bundle
from tests.tiny import write_tiny_bundle


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Bundle:
    """A fresh copy that a test may spoil."""
    return write_tiny_bundle(tmp_path / "tiny")
