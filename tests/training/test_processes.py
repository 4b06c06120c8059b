"""Several processes that train together do what one does; and one does what plain PyTorch does."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

from earshot.bundle import Bundle
from earshot.errors import EarshotError
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from tests.training.children import run, run_together
from tests.training.conftest import set_options
from training.base_model import load_base_model
from training.class_weights import ClassWeights
from training.collator import length_grouped_batches, pad
from training.config import TrainingConfig
from training.dataset import load_dataset
from training.fit_encoder import EncoderFit, Lesson
from training.model import loss
from training.processes import Processes
from training.targets import Targets

TAXONOMY = Taxonomy.default()


@pytest.fixture(scope="module")
def sober_encoder(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder without dropout, which every process would draw for itself."""
    folder = tmp_path_factory.mktemp("sober")
    for file in tiny_encoder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.0}))
    return folder


@pytest.fixture(scope="module")
def sober(sober_encoder: Path, authored_file: Path) -> list[str]:
    """A training in which nothing is left to chance."""
    settings = {
        "model.max_tokens": "64",
        "model.dropout": "0.0",
        "model.attention_dropout": "0.0",
        "model.category_head": "probe",
        "optimization.epochs": "2",
        # 288 posts in batches of 41: the last holds a single post, and one of two processes none of its own.
        "optimization.batch_size": "41",
        "optimization.max_batch_tokens": "600",
        "optimization.learning_rate": "0.001",
    }
    # Named, or the one that another training of this test run left in the environment would be taken.
    tracking = ["--tracking-uri", "sqlite:///mlflow.db"]
    data = ["--data", str(authored_file), "--base-model", str(sober_encoder), *tracking]
    return ["train", *data, "--output", "bundle", *set_options(settings)]


@pytest.fixture(scope="module")
def together(sober: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes trained."""
    folder = tmp_path_factory.mktemp("together")
    assert run_together(folder, sober, 2) == [0, 0], (folder / "child.log").read_text()
    return folder


def _losses(folder: Path) -> list[float]:
    with sqlite3.connect(folder / "mlflow.db") as database:
        rows = database.execute("select value from metrics where key = 'validation/train_loss' order by step")
        losses = [value for (value,) in rows]
    database.close()
    return losses


def test_two_processes_leave_one_bundle_and_one_run(together: Path) -> None:
    assert sorted(path.name for path in together.iterdir()) == ["bundle", "child.log", "mlflow.db", "mlruns"]
    with sqlite3.connect(together / "mlflow.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)]
    database.close()
    assert (together / "child.log").read_text().count("posts to learn from") == 1


def test_two_processes_learn_the_same_as_one(together: Path, sober: list[str], tmp_path: Path) -> None:
    assert run(tmp_path, sober) == 0, (tmp_path / "child.log").read_text()
    assert _losses(together) == pytest.approx(_losses(tmp_path), rel=1e-4)
    one, two = (Bundle.load(folder / "bundle").manifest.training.validation for folder in (tmp_path, together))
    assert one.keys() == two.keys()
    assert one["accuracy"] == pytest.approx(two["accuracy"], abs=1 / 32)


def test_strangers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Processes()
    monkeypatch.setenv("WORLD_SIZE", "3")  # as if two others were launched that this one does not know
    with pytest.raises(EarshotError, match="would train by itself"):
        Processes()


def test_a_checkpoint_of_more_processes_is_refused() -> None:
    processes = Processes()
    state = processes.random_states()
    with pytest.raises(EarshotError, match=r"of 2 process.*here train 1"):
        processes.restore_random_state(state * 2)


@pytest.mark.parametrize("most", [16_384, 200])
def test_a_batch_in_parts_gives_the_same_step(most: int, sober_encoder: Path, authored_file: Path) -> None:
    """Whole, the step is plain PyTorch's bit for bit; in parts it is, but for rounding."""
    dataset, _ = load_dataset([authored_file], TAXONOMY)
    config = TrainingConfig.model_validate(
        {
            "model": {"max_tokens": 64, "dropout": 0.0},
            "optimization": {"max_batch_tokens": most},
            "loss": {"class_weights": "sqrt"},
        }
    )
    base = load_base_model(str(sober_encoder), 64)
    tokenizer = Tokenizer(base.tokenizer, max_tokens=64, max_characters=4000)
    weights = ClassWeights.of(config.loss, TAXONOMY, dataset)
    lesson = Lesson(dataset.texts, Targets.of_labels(dataset, TAXONOMY, weights, config.loss))
    ids = [encoding.ids for encoding in tokenizer.encode(lesson.texts)]
    batches = length_grouped_batches(np.array([len(row) for row in ids]), 32, 1, 0)[:3]

    def optimizer_of(fit: EncoderFit) -> torch.optim.AdamW:
        return torch.optim.AdamW(fit.model.parameter_groups(config.optimization), lr=1e-3, fused=True)

    ours = EncoderFit(base, tokenizer, config, TAXONOMY)
    optimizer = optimizer_of(ours)
    ours.model.train()
    values = [ours.step(lesson, ids, rows, optimizer) for rows in batches]

    plain = EncoderFit(load_base_model(str(sober_encoder), 64), tokenizer, config, TAXONOMY)
    optimizer = optimizer_of(plain)
    plain.model.train()
    for rows, value in zip(batches, values, strict=True):
        input_ids, mask = pad([ids[row] for row in rows], base.padding)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=plain.bf16):
            outputs = plain.model(input_ids, mask)
        expected = loss(tuple(output.float() for output in outputs), lesson.targets.take(rows), config.loss)
        optimizer.zero_grad()
        expected.backward()  # type: ignore[no-untyped-call]  # torch leaves Tensor.backward without annotations
        torch.nn.utils.clip_grad_norm_(plain.model.parameters(), config.optimization.max_gradient_norm)
        optimizer.step()
        assert value == pytest.approx(float(expected.detach()), rel=1e-5)
    pairs = zip(ours.model.parameters(), plain.model.parameters(), strict=True)
    if most == 16_384:
        assert all(torch.equal(one, other) for one, other in pairs)
    else:
        assert all(torch.allclose(one, other, atol=1e-4) for one, other in pairs)
