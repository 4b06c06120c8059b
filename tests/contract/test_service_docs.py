"""What docs/service.md shows in Python runs against a service."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from earshot import Bundle, Pipeline
from service.settings import Settings
from tests.service.running import running

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


def test_the_python_shown_runs(tiny_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    settings = Settings(feedback_database=f"sqlite:///{tmp_path}/feedback.db")
    with running(settings, lambda: Pipeline(tiny_bundle, threads=1)) as url:
        exec(compile(code.replace("http://127.0.0.1:8000", url), "docs/service.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.count("Prediction(") == 1000
