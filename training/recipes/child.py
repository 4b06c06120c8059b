"""One `earshot` command as a child process, which Ctrl-C lets end in its own way. Knows nothing of recipes."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from training.recipes.recipe import RecipeError

EARSHOT = (sys.executable, "-m", "earshot")
"""The command, in this interpreter."""


def run_earshot(arguments: Sequence[str], *, program: Sequence[str] = EARSHOT) -> None:
    """Run `earshot` with these arguments, its output shown.

    SIGINT and SIGTERM go to the child, which leaves a checkpoint and ends; only then does this function raise.

    Raises:
        RecipeError: It ended with another exit code than 0.
    """
    # A process group of its own: a terminal's Ctrl-C would else reach it twice.
    child = subprocess.Popen([*program, *arguments], start_new_session=True)  # noqa: S603
    with _passed_on_to(child):
        code = child.wait()
    if code != 0:
        raise RecipeError(f"`{shlex.join(['earshot', *arguments])}` ended with exit code {code}: see above")


@contextmanager
def _passed_on_to(child: subprocess.Popen[bytes]) -> Iterator[None]:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
