"""`python -m training.recipes.run`, with the linear baseline so that it takes seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.training.recipes import upstream
from training.recipes.catalogue import RECIPES
from training.recipes.run import run

FAST = ("--set", "model.architecture=tfidf", "--set", "decision.scope=as_trained")


def _run(tmp_path: Path, *arguments: str) -> Result:
    places = ("--data-root", str(tmp_path), "--output", str(tmp_path / "work"))
    return CliRunner().invoke(run, ["semeval2019_task9a", *places, *arguments])


@pytest.fixture
def sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough sentences to learn from, and a recipe that takes them for the real ones."""
    wishes = [[f"t_{number}", f'"please add a {word} soon"', "1"] for number, word in enumerate("abcdefghijkl")]
    others = [[f"u_{number}", f"it rained on {word} again", "0"] for number, word in enumerate("abcdefghijkl")]
    test = [["1", "please add it", "1"], ["2", "again it rained", "0"], ["3", "rained please add", "1"]]
    files = [upstream.as_csv(wishes + others, "latin-1"), upstream.as_csv(test, "latin-1")]
    recipe = upstream.published("semeval2019_task9a", files, tmp_path)
    monkeypatch.setitem(RECIPES, recipe.name, recipe)
    monkeypatch.chdir(tmp_path)  # MLflow puts its artifacts there


@pytest.mark.usefixtures("sentences")
def test_a_recipe_is_trained_judged_and_summed_up_and_what_is_finished_is_kept(tmp_path: Path) -> None:
    done = _run(tmp_path, *FAST, "--seeds", "4")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "work" / "results.json").read_text(encoding="utf-8"))
    (model,) = found["models"]
    assert found["figures"]["f1[suggestion]"]["by_seed"] == {"4": model["figures"]["f1[suggestion]"]["value"]}
    assert found["figures"]["macro_f1"]["n"] == 3
    assert (tmp_path / "work" / "results.md").read_text(encoding="utf-8") in done.output
    assert "winner of the task" in done.output

    bundle = tmp_path / "work" / "seed-4" / "bundle"
    written = (bundle / "manifest.json").stat().st_mtime_ns
    shutil.rmtree(tmp_path / "work" / "seed-4" / "evaluation")
    again = _run(tmp_path, *FAST, "--seeds", "4")
    assert again.exit_code == 0, again.output
    assert (bundle / "manifest.json").stat().st_mtime_ns == written
    assert json.loads((tmp_path / "work" / "results.json").read_text(encoding="utf-8"))["models"] == [model]

    other = _run(tmp_path, *FAST, "--set", "export.name=other", "--seeds", "4")
    assert other.exit_code == 2
    assert "was trained with another configuration" in other.output


@pytest.mark.usefixtures("sentences")
def test_a_command_that_fails_ends_the_recipe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = _run(tmp_path, "--set", "model.base_model=absent/encoder", "--set", "optimization.epochs=0", "--seeds", "1")
    assert done.exit_code == 2
    assert "optimization.epochs" in done.output + capfd.readouterr().err
    assert not (tmp_path / "work" / "results.json").exists()


@pytest.mark.usefixtures("sentences")
def test_a_network_is_judged_without_being_exported_and_learns_from_a_teacher(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    small = ("--set", f"model.base_model={tiny_encoder}", "--set", "optimization.epochs=1")
    arguments = (*small, "--network", "--teacher", str(tiny_encoder), "--seeds", "4", "5")
    done = _run(tmp_path, *arguments)
    assert done.exit_code == 0, done.output
    work = tmp_path / "work"
    assert (work / "teacher.npz").is_file()
    assert not list(work.rglob("model.onnx"))
    found = json.loads((work / "results.json").read_text(encoding="utf-8"))
    assert found["judged_as"] == "network in PyTorch"
    assert [model["seed"] for model in found["models"]] == [4, 5]
    assert found["figures"]["macro_f1"]["n"] == 3
    for model in found["models"]:
        figure = model["figures"]["macro_f1"]
        assert figure["low"] <= figure["value"] <= figure["high"]

    kept = {path: path.stat().st_mtime_ns for path in work.rglob("network.json")}
    assert len(kept) == 2
    assert _run(tmp_path, *arguments).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
