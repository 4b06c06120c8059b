from __future__ import annotations

from pathlib import Path

import pytest

from training.config import ConfigError, TrainingConfig

RECIPES = sorted((Path(__file__).parents[2] / "training" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(recipe: Path) -> None:
    TrainingConfig.load(recipe)


def test_a_value_on_the_command_line_goes_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 3\n[optimization]\nepochs = 9\nbatch_size = 8\n")
    config = TrainingConfig.load(path, {"optimization.epochs": "2"})
    assert (config.seed, config.optimization.epochs, config.optimization.batch_size) == (3, 2, 8)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[optimization]\nepoch = 3\n", "optimization.epoch"),
        ("[split]\nvalidation_fraction = 0.9\n", "split.validation_fraction"),
        ("seed = \n", "config.toml"),
    ],
)
def test_a_wrong_setting_is_named(text: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named):
        TrainingConfig.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        TrainingConfig.load(tmp_path / "absent.toml")
