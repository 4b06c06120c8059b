"""`earshot` in real processes of its own: they can be killed, and several can train together.

A server that has torch and its kin imported already forks them, so each starts at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest import mock

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["training.__main__", "training.train", "training.tune"])
_PATIENCE = 200
"""Seconds until a child counts as hanging."""


def run(folder: Path, arguments: Sequence[str], before: Callable[[], None] | None = None) -> int:
    """Run `earshot` with these arguments, in a folder.

    Args:
        folder: Where to; what it says is appended to `child.log` there.
        arguments: The command and its arguments.
        before: Called in the process first; must be importable.

    Returns:
        Its exit code; negative for the signal that ended it.
    """
    return _exit_code(_start(folder, arguments, {}, before))


def run_together(folder: Path, arguments: Sequence[str], count: int) -> list[int]:
    """Run the same command in several processes that find each other, as a launcher such as torchrun starts them."""
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    ranks = [{"RANK": str(index), "LOCAL_RANK": str(index), "OMP_NUM_THREADS": "1"} for index in range(count)]
    children = [_start(folder, arguments, common | rank, None) for rank in ranks]
    return [_exit_code(child) for child in children]


def kill_here() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after(owner: object, name: str, calls: int = 1) -> None:
    """Let a function do its work so many times, and then be the last that this process did."""
    original: Callable[..., Any] = getattr(owner, name)
    done: list[None] = []

    def last(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever the original takes and gives)
        result = original(*arguments, **named)
        done.append(None)
        if len(done) == calls:
            kill_here()
        return result

    mock.patch.object(owner, name, last).start()


def _start(
    folder: Path, arguments: Sequence[str], environment: dict[str, str], before: Callable[[], None] | None
) -> BaseProcess:
    child = _CONTEXT.Process(target=_earshot, args=(folder, list(arguments), environment, before))
    child.start()
    return child


def _exit_code(child: BaseProcess) -> int:
    child.join(_PATIENCE)
    if child.exitcode is None:
        child.kill()
        child.join()
        raise TimeoutError(f"process {child.pid} did not end within {_PATIENCE} s")
    return child.exitcode


def _earshot(
    folder: Path, arguments: list[str], environment: dict[str, str], before: Callable[[], None] | None
) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    log = os.open("child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import torch

    from earshot.__main__ import main

    torch.set_num_threads(1)
    if before is not None:
        before()
    sys.argv = ["earshot", *arguments]
    main(arguments)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
