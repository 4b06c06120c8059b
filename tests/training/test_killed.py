"""A training that is killed and resumed ends as if nothing had happened, whatever it was doing."""

from __future__ import annotations

import io
import shutil
import signal
import sqlite3
from pathlib import Path
from unittest import mock

import onnx
import torch

from earshot.bundle import Bundle
from tests.training.children import kill_after, kill_here, run
from training.checkpoint import Checkpoints


def in_the_middle_of_an_epoch() -> None:
    kill_after(torch.optim.AdamW, "step", calls=7)


def while_a_checkpoint_is_written() -> None:
    whole = torch.save

    def half(state: object, path: Path) -> None:
        content = io.BytesIO()
        whole(state, content)
        path.write_bytes(content.getvalue()[: content.tell() // 2])
        kill_here()

    mock.patch.object(torch, "save", half).start()


def between_the_best_weights_and_the_checkpoint() -> None:
    kill_after(Checkpoints, "save_best")


def while_the_graph_is_exported() -> None:
    kill_after(onnx, "save")


def while_the_bundle_is_written() -> None:
    kill_after(shutil, "copyfile")


MOMENTS = (
    in_the_middle_of_an_epoch,
    while_a_checkpoint_is_written,
    between_the_best_weights_and_the_checkpoint,
    while_the_graph_is_exported,
    while_the_bundle_is_written,
)


def test_a_training_killed_again_and_again_ends_with_the_same_weights(
    trained: Path, tiny_training: list[str], tmp_path: Path
) -> None:
    command, log = [*tiny_training, "--resume"], tmp_path / "child.log"
    for moment in MOMENTS:
        code = run(tmp_path, command, before=moment)
        assert code == -signal.SIGKILL, f"{moment.__name__}: {code}\n{log.read_text()}"
    assert run(tmp_path, command) == 0, log.read_text()
    undisturbed, killed = (Bundle.load(folder / "bundle") for folder in (trained, tmp_path))
    assert killed.graph_path.read_bytes() == undisturbed.graph_path.read_bytes()
    assert killed.manifest.training.validation == undisturbed.manifest.training.validation
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)], "it is one run all along"
    database.close()
