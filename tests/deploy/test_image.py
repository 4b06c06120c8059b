"""The Dockerfile, without Docker: `python -m benchmarks.image` runs its steps and measures what comes of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.image import Stages, context
from service.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[2]
STAGES = Stages.read()
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")


def test_every_package_is_copied_and_admitted() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {source for source, _ in STAGES.copied if (ROOT / source).is_dir()} == set(packages)
    files = context()
    for package in packages:
        assert f"{package}/__init__.py" in files
    assert {source for source, _ in STAGES.copied if (ROOT / source).is_file()} <= set(files)


def test_nothing_else_is_sent_to_the_builder() -> None:
    copied = tuple(source for source, _ in STAGES.copied)
    assert [name for name in context() if not name.startswith(copied)] == []


def test_it_installs_what_the_constraints_pin_and_serves_as_nobody_special() -> None:
    assert "-c constraints.txt" in STAGES.run
    assert '".[${EXTRAS}]"' in STAGES.run
    assert STAGES.arguments == {"EXTRAS": "service,postgresql"}
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (\d+)$", text, re.MULTILINE), "by number, so that Kubernetes sees that it is not root"
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert STAGES.command == ("earshot", "serve")


def test_what_it_sets_are_settings() -> None:
    ours = {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in STAGES.environment.items()
        if name.startswith(ENV_PREFIX)
    }
    settings = Settings.read(**ours)
    assert ours.keys() <= Settings.model_fields.keys()
    assert (settings.host, settings.port, settings.log_format) == ("0.0.0.0", 8000, "json")  # noqa: S104
