from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from earshot.command_line import column_option, needs_extra
from earshot.errors import MissingExtraError


@click.command()
@column_option
def _show(columns: dict[str, str]) -> None:
    click.echo(str(columns))


def test_pairs_become_a_dictionary() -> None:
    result = CliRunner().invoke(_show, ["--column", "text=body", "--column", "id=a=b"])
    assert result.output.strip() == str({"text": "body", "id": "a=b"})


@pytest.mark.parametrize("value", ["text", "=body", "text="])
def test_half_a_pair_is_refused_with_the_option_named(value: str) -> None:
    result = CliRunner().invoke(_show, ["--column", value])
    assert result.exit_code == 2
    assert f"'--column': takes OURS=THEIRS, not '{value}'" in result.output


def test_a_missing_module_is_answered_with_what_to_install() -> None:
    said = r"'earshot fly' \(which lacks wings\).*earshot\[flight\]"
    with pytest.raises(MissingExtraError, match=said), needs_extra("earshot fly", "flight"):
        raise ModuleNotFoundError("no wings", name="wings")


def test_a_mistake_of_ours_is_not_taken_for_a_missing_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("earshot fly", "flight"):
        raise ModuleNotFoundError("no such module", name="training.wings")
