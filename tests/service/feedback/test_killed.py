"""What was acknowledged survives `kill -9`; `python -m benchmarks.feedback_killed` does the same with more of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from earshot import Bundle


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_correction_that_was_acknowledged_is_there_once(
    bundle: Bundle, kind: str, request: pytest.FixtureRequest
) -> None:
    arguments = ["--posts", "40", "--kills", "2", "--model", str(bundle.folder)]
    if kind == "postgresql":
        new_database: Callable[[], str] = request.getfixturevalue("postgresql")
        arguments += ["--database", new_database()]
    command = [sys.executable, "-m", "benchmarks.feedback_killed", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 acknowledged, 40 in the database, 0 missing" in done.stdout
