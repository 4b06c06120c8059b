from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from earshot.__main__ import ENTRY_POINTS, main

COMMANDS = '''
import click

from earshot import DataError

@click.command()
@click.option("--times", type=int)
def greet(times):
    """Say hello."""
    click.echo("hello")

@click.command()
@click.pass_context
def judge(context):
    context.exit(1)

@click.command()
def refuse():
    raise DataError("posts.csv\\n   is odd")

@click.command()
def crash():
    raise ZeroDivisionError("oops")

@click.command()
def interrupt():
    raise KeyboardInterrupt

@click.command()
def full():
    raise OSError(28, "No space left on device", "out.csv")
'''


@pytest.fixture(autouse=True)
def plugs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with commands of its own, installed as any other."""
    names = ("greet", "judge", "refuse", "crash", "interrupt", "full")
    points = [f"{name} = plugged_commands:{name}" for name in names]
    points += ["lacking = plugged_lacking:command", "bare = plugged_bare:command", "wrong = plugged_wrong:command"]
    folder = tmp_path / "plugged-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: plugged\nVersion: 1.0\nProvides-Extra: plugged_lacking\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINTS}]", *points]), encoding="utf-8")
    (tmp_path / "plugged_commands.py").write_text(COMMANDS, encoding="utf-8")
    (tmp_path / "plugged_lacking.py").write_text("import surely_not_installed\n", encoding="utf-8")
    (tmp_path / "plugged_bare.py").write_text("import surely_not_installed\n", encoding="utf-8")
    (tmp_path / "plugged_wrong.py").write_text("import plugged_wrong.nothing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exited:
        main(list(arguments))
    assert isinstance(exited.value.code, int)
    return exited.value.code


def test_a_plugged_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("greet") == 0
    assert capsys.readouterr() == ("hello\n", "")


@pytest.mark.parametrize(
    ("command", "code"), [("judge", 1), ("refuse", 2), ("crash", 2), ("interrupt", 130), ("full", 2)]
)
def test_exit_codes_are_the_contracts(command: str, code: int) -> None:
    assert exit_code(command) == code


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["refuse"], "earshot: posts.csv is odd"),
        (["full"], "earshot: [Errno 28] No space left on device: 'out.csv'"),
        (["interrupt"], "earshot: interrupted"),
        (["nonsense"], "earshot: No such command 'nonsense'. (see 'earshot --help')"),
        (
            ["greet", "--times", "x"],
            "earshot: Invalid value for '--times': 'x' is not a valid integer. (see 'earshot greet",
        ),
        (["greet", "--loudly"], "earshot: No such option '--loudly'. (see 'earshot greet --help')"),
        (
            ["lacking"],
            "earshot: 'earshot lacking' (which lacks surely_not_installed) needs the extra 'plugged_lacking'",
        ),
        (["bare"], "earshot: 'earshot bare' (which lacks surely_not_installed) is not completely installed"),
    ],
)
def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    exit_code(*arguments)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.lstrip().startswith(line)  # click ends the line on which a terminal shows ^C
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [["lacking", "--help"], ["lacking", "--port", "1", "x"], ["lacking", "-h"]])
def test_a_command_that_is_not_installed_says_so_whatever_is_asked_of_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert exit_code(*arguments) == 2
    assert "pip install 'earshot[plugged_lacking]'" in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_blamed_on_the_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("wrong") == 2
    assert "plugged_wrong.nothing" in capsys.readouterr().err


def test_a_crash_shows_where_it_happened(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("crash")
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in err
    assert "mistake in earshot" in err.splitlines()[-1]


def test_nothing_asked_for_shows_help_and_does_not_count_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code() == 2
    assert "Usage: earshot" in capsys.readouterr().err


def test_commands_that_cannot_run_are_listed_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    listed = capsys.readouterr().out.split("Commands:")[1]
    assert "  greet " in listed
    for name in ("lacking", "bare", "wrong"):
        assert f"  {name} " in listed


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert metadata.version("earshot") in capsys.readouterr().out


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "earshot", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert metadata.version("earshot") in done.stdout
