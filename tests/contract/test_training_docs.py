"""What docs/training.md shows can be typed: its commands are understood, its configurations load, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from accelerate.commands.launch import launch_command_parser
from torch.distributed.run import get_args_parser

from earshot.__main__ import earshot
from earshot.bundle import Bundle
from training.config import TrainingConfig
from training.search_space import DEFAULT_SPACE, SearchConfig

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def _understand(command: click.Command, words: list[str]) -> None:
    """Let click read a command line, without running it."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, words)
        return
    name, found, rest = command.resolve_command(click.Context(command), words)
    assert found is not None, name
    _understand(found, rest)


def _commands() -> list[str]:
    """But for MLflow's own."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    return [line for line in lines if not line.startswith("mlflow ")]


@pytest.mark.parametrize("line", _commands())
def test_every_command_shown_is_understood(line: str) -> None:
    program, *words = shlex.split(line)
    if program in ("accelerate", "torchrun"):
        parser = launch_command_parser() if program == "accelerate" else get_args_parser()
        launched = parser.parse_args(words[1:] if program == "accelerate" else words)
        assert (launched.module, launched.training_script) == (True, "earshot")
        program, words = launched.training_script, launched.training_script_args
    assert program == "earshot"
    _understand(earshot, words)


def test_every_configuration_shown_loads(tmp_path: Path) -> None:
    plain, search, taught = _blocks("toml")
    path = tmp_path / "shown.toml"
    path.write_text(plain, encoding="utf-8")
    assert TrainingConfig.load(path).loss.class_weights == "sqrt"
    path.write_text(search, encoding="utf-8")
    space = SearchConfig.load(path, TrainingConfig.load(path)).space
    assert space.keys() <= DEFAULT_SPACE.keys()
    assert all(space[name] == DEFAULT_SPACE[name] for name in space), "what is shown is what the default is"
    path.write_text(taught, encoding="utf-8")
    assert TrainingConfig.load(path).distillation.teachers == ("answers.npz",)


def test_the_python_shown_runs(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = _blocks("python")
    tiny_bundle.folder.rename(tiny_bundle.folder.with_name("my-bundle"))
    monkeypatch.chdir(tiny_bundle.folder.parent)
    exec(compile(code, "docs/training.md", "exec"), {})  # noqa: S102 (our own page)
    category, confidence, needs_review = capsys.readouterr().out.split()
    assert category in tiny_bundle.manifest.taxonomy.category_names
    assert 0 <= float(confidence) <= 1
    assert needs_review in ("True", "False")
