from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from training.recipes.child import run_earshot
from training.recipes.recipe import RecipeError

STOPS_IN_ITS_OWN_WAY = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[1], "checkpoint").touch()
    sys.exit(2)
signal.signal(signal.SIGINT, stop)
pathlib.Path(sys.argv[1], "started").touch()
time.sleep(60)
"""


def test_a_command_that_fails_is_named_with_its_exit_code() -> None:
    with pytest.raises(RecipeError, match=r"`earshot train --data nothing` ended with exit code 3"):
        run_earshot(["train", "--data", "nothing"], program=[sys.executable, "-c", "raise SystemExit(3)"])


def test_a_command_that_succeeds_says_nothing() -> None:
    run_earshot([], program=[sys.executable, "-c", ""])


def test_ctrl_c_lets_the_command_save_what_it_has(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press() -> None:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(RecipeError, match="exit code 2"):
        run_earshot([str(tmp_path)], program=[sys.executable, "-c", STOPS_IN_ITS_OWN_WAY])
    thread.join()
    assert (tmp_path / "checkpoint").exists()
    assert signal.getsignal(signal.SIGINT) is before
