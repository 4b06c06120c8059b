"""What several commands share: options that name pairs, and the answer to a missing extra. Knows no command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from earshot.backend import ONNX
from earshot.errors import MissingExtraError

_OURS = frozenset({"earshot", "service", "training", "eval", "registry"})


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, other = value.partition("=")
        if not (name and equals and other):
            raise click.BadParameter(f"takes {parameter.make_metavar(context).removesuffix('...')}, not '{value}'")
        pairs[name] = other
    return pairs


column_option = click.option(
    "--column", "columns", multiple=True, callback=_pairs, metavar="OURS=THEIRS", help="Such as text=body; repeatable."
)
"""Names of columns in the user's file, as a dictionary from ours to theirs."""

backend_option = click.option(
    "--backend",
    default=ONNX,
    show_default=True,
    help="What runs the network: 'onnx', or 'torch' where the bundle holds PyTorch weights.",
)
"""What runs the network, by name."""

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    help="One setting, such as optimization.epochs=2; repeatable.",
)
"""Single settings, as a dictionary."""


@contextmanager
def needs_extra(command: str, extra: str) -> Iterator[None]:
    """Put around the imports of what needs an extra, within the command: they take seconds, and `--help` none.

    Args:
        command: What was asked for, such as `earshot train`.
        extra: What to install.

    Raises:
        MissingExtraError: A module of somebody else's is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _OURS:
            raise  # a mistake of ours, not something left uninstalled
        raise MissingExtraError(f"'{command}' (which lacks {error.name})", extra) from error
