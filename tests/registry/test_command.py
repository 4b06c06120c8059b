"""`earshot model`: what people type, and what programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from earshot import Bundle
from registry.__main__ import model
from registry.errors import PromotionError
from registry.store import Registered, Registry
from tests.tiny import write_tiny_bundle

SUITE = """
name = "release"
data = "posts.jsonl"

[[gates]]
kind = "limit"
metric = "accuracy"
at_least = {floor}
"""
POSTS = [("refund", "billing", "low"), ("leaked", "leak", "low"), ("love", "praise", "low"), ("lunch", "none", "low")]


def typed(registry: Registry, *words: str) -> Result:
    words = (*words, "--tracking-uri", registry.uri, "--name", registry.name)
    return CliRunner().invoke(model, words, catch_exceptions=False)


def test_show_prints_all_versions_or_everything_about_one(pushed: tuple[Registry, list[Registered]]) -> None:
    registry, versions = pushed
    table = typed(registry, "show").output.splitlines()
    assert [line.split()[0] for line in table] == ["version", "3", "2", "1"]
    assert "@challenger" in table[1]
    (one,) = json.loads(typed(registry, "show", "@challenger", "--json").output)
    assert (one["version"], one["digest"]) == (3, versions[2].digest)
    assert "earshot.taxonomy" in typed(registry, "show", "2").output


def test_pull_brings_the_bundle(pushed: tuple[Registry, list[Registered]], tmp_path: Path) -> None:
    registry, versions = pushed
    said = typed(registry, "pull", "models:/pushed/2", str(tmp_path / "bundle"))
    assert said.exit_code == 0
    assert Bundle.load(tmp_path / "bundle").manifest.digest == versions[1].digest


@pytest.mark.usefixtures("mlflow_home")
def test_a_bundle_goes_through_its_life_by_commands(uri: str, tmp_path: Path) -> None:
    registry = Registry(uri, "typed")
    rows = [
        {"id": f"{index}", "text": text, "category": category, "urgency": urgency}
        for index, (text, category, urgency) in enumerate(POSTS * 10)
    ]
    (tmp_path / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, floor in (("fair", 0.9), ("harsh", 1.1)):
        (tmp_path / f"{name}.toml").write_text(SUITE.format(floor=floor))

    def promote(version: str, suite: str, *more: str) -> Result:
        output = str(tmp_path / "results" / suite)
        words = ("promote", version, "--suite", str(tmp_path / f"{suite}.toml"), "--output", output, "--who", "anna")
        return typed(registry, *words, *more)

    for version in ("1", "2"):
        bundle = write_tiny_bundle(tmp_path / version, version=version)
        assert f"models:/typed/{version}" in typed(registry, "push", str(bundle.folder)).output
    refused = promote("1", "harsh")
    assert refused.exit_code == 1
    assert "refused: version 1" in refused.output
    assert "at least 1.1 is asked" in refused.output
    assert promote("1", "fair", "--reason", "the first").exit_code == 0
    assert promote("@challenger", "fair").exit_code == 0
    assert (tmp_path / "results" / "fair" / "comparison" / "comparison.json").is_file()
    with pytest.raises(PromotionError, match="is the champion already"):
        promote("2", "fair")
    assert "rolled back: version 1" in typed(registry, "rollback", "--reason", "a feeling").output
    forced = promote("2", "harsh", "--force", "--reason", "the feeling went away")
    assert forced.exit_code == 0
    assert "forced: version 2" in forced.output
    history = typed(registry, "history", "--json")
    assert history.exit_code == 0
    entries = json.loads(history.output)
    assert [entry["action"] for entry in entries] == ["refused", "promoted", "promoted", "rolled back", "forced"]
    assert entries[1]["reason"] == "the first"
    assert {entry["who"] for entry in entries} >= {"anna"}
    assert "the feeling went away" in typed(registry, "history").output
