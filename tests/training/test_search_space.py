from __future__ import annotations

from pathlib import Path

import pytest

from training.config import ConfigError, TrainingConfig
from training.search_space import DEFAULT_SPACE, Choices, Range, SearchConfig


def _write(folder: Path, text: str) -> Path:
    path = folder / "search.toml"
    path.write_text(text)
    return path


def test_without_a_section_the_default_space_is_searched(tmp_path: Path) -> None:
    for path in (None, _write(tmp_path, "seed = 3\n")):
        assert SearchConfig.load(path, TrainingConfig()).space == DEFAULT_SPACE


def test_dotted_names_and_tables_say_the_same(tmp_path: Path) -> None:
    dotted = """
        [search.space]
        optimization.learning_rate = { low = 1e-5, high = 1e-3, log = true }
        "optimization.epochs" = { low = 2, high = 4 }
        loss.class_weights = { choices = ["none", "balanced"] }
    """
    tables = """
        [search.space.optimization]
        learning_rate = { low = 1e-5, high = 1e-3, log = true }
        epochs = { low = 2, high = 4 }
        [search.space.loss.class_weights]
        choices = ["none", "balanced"]
    """
    one, other = (SearchConfig.load(_write(tmp_path, text), TrainingConfig()) for text in (dotted, tables))
    assert one == other
    assert one.space == {
        "optimization.learning_rate": Range(low=1e-5, high=1e-3, log=True),
        "optimization.epochs": Range(low=2, high=4),
        "loss.class_weights": Choices(choices=("none", "balanced")),
    }


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("optimization.learning_rat = { low = 1e-5, high = 1e-3 }", "optimization.learning_rat"),
        ("model.dropout = { low = 0.0, high = 1.5 }", "model.dropout"),
        ("model.pooling = { choices = ['mean', 'max'] }", "model.pooling"),
        ("optimization.epochs = { low = 4, high = 2 }", "low = 4 is not below high = 2"),
        ("optimization.learning_rate = { low = 0.0, high = 1e-3, log = true }", "log needs a low above 0"),
        ("optimization.epochs = { low = 1, hihg = 2 }", "search.space.optimization.epochs.range.high"),
        ("optimization.epochs = 3", "search.space.optimization.epochs"),
        ("seed.of.all = { low = 1, high = 2 }", "seed is no section"),
        ("", "names no setting to try"),
    ],
)
def test_a_space_that_cannot_be_searched_is_named(space: str, said: str, tmp_path: Path) -> None:
    path = _write(tmp_path, f"[search.space]\n{space}\n")
    with pytest.raises(ConfigError, match="search") as error:
        SearchConfig.load(path, TrainingConfig())
    assert said in str(error.value)


def test_a_training_passes_over_the_section(tmp_path: Path) -> None:
    path = _write(tmp_path, "seed = 3\n[search]\nseed = 4\n")
    assert TrainingConfig.load(path) == TrainingConfig(seed=3)
