"""The harness judges a registered version by its name, and finds what it finds on the bundle itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from earshot.pipeline import Pipeline
from earshot.post import Post
from eval.targets import open_target
from registry.store import Registered, Registry


def test_a_registered_version_says_what_its_bundle_says(
    pushed: tuple[Registry, list[Registered]], uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, versions = pushed
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("EARSHOT_CACHE", str(tmp_path))
    posts = [Post("where is my refund"), Post("it leaked today")]
    with open_target(f"models:/{registry.name}/{versions[1].number}") as target:
        assert target.predictor.identity.version == "2"
        assert isinstance(target.predictor, Pipeline)
        assert [result.as_dict()["category"] for result in target.predictor.predict(posts)] == ["billing", "leak"]
