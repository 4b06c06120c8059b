from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from earshot.__main__ import main
from earshot.bundle import Bundle
from earshot.parity import MAX_COMPANY_CHANGE, MAX_EXPORT_CHANGE
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction
from earshot.records import Row
from earshot.taxonomy import Taxonomy
from earshot.tokenization import Tokenizer
from training.base_model import load_base_model, save_encoder
from training.checkpoint import Checkpoints, Progress
from training.class_weights import ClassWeights
from training.config import ConfigError, TrainingConfig
from training.dataset import Dataset, load_dataset
from training.fit_encoder import EncoderFit, Lesson, TrainingInterrupted
from training.targets import Targets
from training.teachers import ask, load_teachers
from training.tracking import tracked

TAXONOMY = Taxonomy.default()


def _train(folder: Path, *arguments: str) -> int:
    """Run `earshot train` in a folder, and give its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                "train",
                *("--output", str(folder / "bundle")),
                *("--tracking-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *arguments,
            ]
        )
    return int(exit_.value.code or 0)


def test_the_bundle_serves_what_it_was_trained_on(trained: Path) -> None:
    pipeline = Pipeline.load(trained / "bundle")
    (result,) = pipeline.predict([Post("You charged me twice, I want my refund", id="a")])
    pipeline.close()
    assert isinstance(result, Prediction)
    assert tuple(result.scores) == Taxonomy.default().category_names
    assert sum(result.scores.values()) == pytest.approx(1)
    assert sum(result.urgency_scores.values()) == pytest.approx(1)


def test_the_manifest_says_where_the_bundle_came_from(trained: Path, authored_file: Path) -> None:
    manifest = Bundle.load(trained / "bundle").manifest
    (source,) = manifest.training.data
    assert (source.name, source.rows, source.licences) == (authored_file.name, 320, {"project": 320})
    assert manifest.precision == "packed-int8"
    assert manifest.training.config["export"]["weight_bits"] == 8
    assert manifest.training.parity["export_probability_change_max"] <= MAX_EXPORT_CHANGE
    assert manifest.training.parity["company_score_change_max"] <= MAX_COMPANY_CHANGE
    assert {"macro_f1", "urgency_kappa", "n"} <= set(manifest.training.validation)
    assert len(manifest.golden) == 12
    assert manifest.training.config["optimization"]["epochs"] == 2


def test_nothing_but_the_bundle_and_the_run_is_left_behind(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == ["bundle", "mlflow.db", "mlruns"]
    assert sorted(path.name for path in (trained / "bundle").iterdir()) == [
        "manifest.json",
        "model.onnx",
        "model_card.md",
        "tokenizer.json",
    ]


def test_the_run_stands_in_mlflow(trained: Path) -> None:
    with sqlite3.connect(trained / "mlflow.db") as database:
        runs = database.execute("select status from runs").fetchall()
        parameters = dict(database.execute("select key, value from params").fetchall())
        metrics = {key for (key,) in database.execute("select key from metrics").fetchall()}
        steps = database.execute("select count(*) from metrics where key = 'validation/macro_f1'").fetchone()
        tags = dict(database.execute("select key, value from tags").fetchall())
        inputs = database.execute("select name, digest from datasets").fetchall()
    database.close()
    assert runs == [("FINISHED",)]
    (source,) = Bundle.load(trained / "bundle").manifest.training.data
    assert inputs == [(source.name, f"sha256:{source.sha256}"[:36])]
    assert tags[f"data.{source.name}.sha256"] == source.sha256
    assert parameters["optimization.epochs"] == "2"
    assert {"validation/train_loss", "bundle/macro_f1", "bundle/int8_category_flips"} <= metrics
    assert steps == (2,)
    assert tags["bundle.digest"] == Bundle.load(trained / "bundle").manifest.digest
    assert list(trained.glob("mlruns/**/bundle/model.onnx"))
    assert {path.name for path in trained.glob("mlruns/**/plots/*")} == {"risk_coverage.png", "confusion.png"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "hi", "category": "leek"}', "row 2, column 'category': unknown category 'leek'"),
        ('{"text": "hi", "category": ', "row 2: not JSON"),
        ('{"text": " ", "category": "none"}', "row 2, column 'text': empty"),
        ('{"text": "hi", "category": "none", "urgency": "asap"}', "row 2, column 'urgency'"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(
    line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "posts.jsonl"
    data.write_text('{"text": "ho", "category": "none"}\n' + line + "\n")
    assert _train(tmp_path, "--data", str(data)) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["posts.jsonl"]


def test_a_wrong_column_is_named_with_the_columns_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "posts.csv"
    data.write_text("body,category\nhello,none\n")
    assert _train(tmp_path, "--data", str(data)) == 2
    error = capsys.readouterr().err
    assert "no column 'text'" in error
    assert "'body', 'category'" in error
    assert [path.name for path in tmp_path.iterdir()] == ["posts.csv"]


def test_the_baseline_trains_on_another_taxonomy_without_urgencies(tmp_path: Path) -> None:
    taxonomy = tmp_path / "taxonomy.toml"
    taxonomy.write_text(
        'name = "weather"\n[[categories]]\nname = "rain"\nexamples = ["wet again"]\n[[categories]]\nname = "sun"\n'
    )
    data = tmp_path / "posts.csv"
    words = {"rain": ["wet", "puddle", "umbrella", "grey"], "sun": ["hot", "bright", "beach", "ice"]}
    rows = [f"{' '.join(order)} day,{label}" for label in words for order in itertools.permutations(words[label])]
    data.write_text("body,label\n" + "\n".join(rows) + "\n")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        code = _train(
            tmp_path,
            *("--data", str(data), "--taxonomy", str(taxonomy)),
            *("--column", "text=body", "--column", "category=label"),
            *("--set", "model.architecture=tfidf"),
        )
    finally:
        os.chdir(here)
    assert code == 0
    pipeline = Pipeline.load(tmp_path / "bundle")
    prediction = pipeline.classify("an umbrella for a wet day")
    pipeline.close()
    assert (prediction.category, prediction.urgency, prediction.urgency_scores) == ("rain", None, {})


def test_a_tracking_server_that_cannot_be_used_is_named(
    tmp_path: Path, authored_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--data", str(authored_file), "--tracking-uri", "nonsense://server") == 2
    assert "cannot track in MLflow at nonsense://server" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_a_folder_that_is_no_bundle_is_not_overwritten(tmp_path: Path, authored_file: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")
    assert _train(tmp_path, "--data", str(authored_file)) == 2
    assert (tmp_path / "bundle" / "thesis.txt").read_text() == "years of work"


def test_an_unknown_base_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="absent"):
        load_base_model(str(tmp_path / "absent"), 64)


def test_more_tokens_than_the_encoder_reads_are_refused(tiny_encoder: Path) -> None:
    with pytest.raises(ConfigError, match="reads 128 tokens"):
        load_base_model(str(tiny_encoder), 256)


def test_attention_dropout_can_be_set(tiny_encoder: Path) -> None:
    base = load_base_model(str(tiny_encoder), 64, attention_dropout=0.0)
    rates = [module.p for name, module in base.encoder.named_modules() if name.endswith("attention.self.dropout")]
    assert rates == [0.0, 0.0]


# Resuming


class _Halves:
    """A tiny training that can be run in one go, or stopped and resumed."""

    def __init__(self, encoder: Path, data: Path, folder: Path) -> None:
        self.encoder, self.folder = encoder, folder
        dataset, _ = load_dataset([data], TAXONOMY)
        rows = np.arange(len(dataset))
        train, self.validation = dataset.take(rows[:96]), dataset.take(rows[200:240])
        self.config = TrainingConfig.model_validate(
            {"model": {"max_tokens": 64}, "optimization": {"epochs": 2, "batch_size": 16, "checkpoint_steps": 2}}
        )

        weights = ClassWeights.of(self.config.loss, TAXONOMY, train)
        self.lesson = Lesson(train.texts, Targets.of_labels(train, TAXONOMY, weights, self.config.loss))

    def run(
        self,
        name: str,
        *,
        resume: bool = False,
        stop_in_step: int | None = None,
        on_epoch_end: Callable[[int], None] = lambda _: None,
    ) -> dict[str, Any]:
        base = load_base_model(str(self.encoder), 64)
        fit = EncoderFit(base, Tokenizer(base.tokenizer, max_tokens=64, max_characters=4000), self.config, TAXONOMY)
        steps = itertools.count()

        def stop(module: torch.nn.Module, *_: object) -> None:
            if module.training and next(steps) == stop_in_step:
                os.kill(os.getpid(), signal.SIGINT)

        fit.model.register_forward_hook(stop)

        fit.run(
            self.lesson,
            self.validation,
            Checkpoints(self.folder / name),
            Progress("same"),
            resume=resume,
            on_epoch_end=lambda epoch, _: on_epoch_end(epoch),
        )
        return fit.model.state_dict()


@pytest.mark.parametrize(("patience", "epochs"), [(None, 6), (1, 2), (2, 3)])
def test_a_training_stops_when_patience_is_at_its_end(
    patience: int | None, epochs: int, tiny_encoder: Path, authored_file: Path, tmp_path: Path
) -> None:
    halves = _Halves(tiny_encoder, authored_file, tmp_path)
    # Nothing changes without a learning rate worth the name, so the first epoch stays the best.
    settings = {"epochs": 6, "batch_size": 48, "learning_rate": 1e-30, "patience": patience}
    halves.config = TrainingConfig.model_validate({"model": {"max_tokens": 64}, "optimization": settings})
    ended: list[int] = []
    halves.run("patient", on_epoch_end=ended.append)
    assert ended == list(range(epochs))


@pytest.mark.parametrize(("rounded", "kept"), [(0, 0), (1, 2), (2, 1)])
def test_an_epoch_that_has_not_felt_int8_is_not_kept_where_others_have(
    rounded: int, kept: int, tiny_encoder: Path, authored_file: Path, tmp_path: Path
) -> None:
    halves = _Halves(tiny_encoder, authored_file, tmp_path)
    # Without a learning rate worth the name every epoch is as good as the first.
    settings = {"epochs": 3, "batch_size": 48, "learning_rate": 1e-30, "rounded_epochs": rounded}
    halves.config = TrainingConfig.model_validate({"model": {"max_tokens": 64}, "optimization": settings})
    halves.run("rounded")
    state = torch.load(tmp_path / "rounded" / "last.pt", weights_only=True)
    assert state["progress"]["best_epoch"] == kept


@pytest.mark.parametrize(
    ("step", "said"),
    [(3, "in epoch 1 after step 4 of 6"), (5, "in epoch 1 after step 6 of 6"), (8, "in epoch 2 after step 3 of 6")],
)
def test_a_training_stopped_and_resumed_ends_with_the_same_weights(
    step: int, said: str, tiny_encoder: Path, authored_file: Path, tmp_path: Path
) -> None:
    halves = _Halves(tiny_encoder, authored_file, tmp_path)
    whole = halves.run("whole")
    with pytest.raises(TrainingInterrupted, match=f"{said}.*--resume"):
        halves.run("halves", stop_in_step=step)
    resumed = halves.run("halves", resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_checkpoint_of_another_training_is_refused(tiny_encoder: Path, authored_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle.training"
    folder.mkdir()
    (folder / "last.pt").write_bytes(b"anything")
    assert _train(tmp_path, "--data", str(authored_file), "--base-model", str(tiny_encoder)) == 2


def test_the_committed_posts_are_valid_training_data() -> None:
    path = Path(__file__).parents[2] / "data" / "authored.jsonl"
    dataset, (source,) = load_dataset([path], Taxonomy.default())
    assert source.licences == {"project": len(dataset)}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["source"] for row in rows} == {"authored"}


def test_taking_rows_keeps_texts_and_labels_together() -> None:
    data = Dataset(["a", "b"], np.array([0, 1]), np.eye(2, dtype=np.float32), np.array([1, 0]), np.array([False, True]))
    taken = data.take(np.array([1]))
    assert (taken.texts, taken.category.tolist(), taken.ambiguous.tolist()) == (["b"], [1], [True])


def test_a_run_that_the_tracking_server_does_not_have_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with tracked(uri, "first") as first:
        pass
    with tracked(uri, "first", first.id) as again:
        assert again.id == first.id
    with tracked(f"sqlite:///{tmp_path / 'other.db'}", "first", first.id) as elsewhere:
        assert elsewhere.id != first.id


# Learning from teachers


def test_a_student_learns_from_teachers_and_unlabelled_posts(
    trained: Path, tiny_encoder: Path, authored_rows: list[Row], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, unlabelled, held_out = (tmp_path / f"{name}.jsonl" for name in ("labelled", "unlabelled", "held_out"))
    _write(labelled, authored_rows[:160])
    _write(unlabelled, [{"text": row["text"]} for row in authored_rows[160:]])
    _write(held_out, authored_rows[158:162])
    code = _train(
        tmp_path,
        *("--data", str(labelled), "--held-out", str(held_out), "--base-model", str(tiny_encoder)),
        *("--set", "model.max_tokens=64", "--set", "model.layers=1", "--set", "optimization.epochs=1"),
        *("--set", f"distillation.teachers=['{trained / 'bundle'}']"),
        *("--set", f"distillation.unlabelled=['{unlabelled}']", "--set", "distillation.likeness_weight=1.0"),
    )
    assert code == 0
    assert "2 posts left out" in capsys.readouterr().err
    info = Bundle.load(tmp_path / "bundle").manifest.training
    assert [teacher.digest for teacher in info.teachers] == [Bundle.load(trained / "bundle").manifest.digest]
    assert [source.name for source in info.data] == ["labelled.jsonl", "unlabelled.jsonl"]
    assert info.data[1].rows == len(authored_rows) - 160


def test_unlabelled_posts_without_a_teacher_are_refused(
    authored_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--data", str(authored_file), "--set", "distillation.unlabelled=['x.jsonl']") == 2
    assert "needs distillation.teachers" in capsys.readouterr().err


def test_a_teacher_with_other_labels_is_refused(trained: Path) -> None:
    taxonomy = TAXONOMY.model_copy(update={"categories": TAXONOMY.categories[::-1]})
    with pytest.raises(ConfigError, match="has other labels"):
        load_teachers([str(trained / "bundle")], taxonomy)


def test_teachers_are_asked_once(trained: Path, tmp_path: Path) -> None:
    teachers = load_teachers([str(trained / "bundle")], TAXONOMY)
    first = ask(teachers, ["my card was charged twice"], tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = ask(teachers, ["my card was charged twice"], tmp_path)
    assert np.array_equal(first.category, again.category)
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_a_training_starts_from_a_fine_tuned_encoder(tiny_encoder: Path, tmp_path: Path) -> None:
    base = load_base_model(str(tiny_encoder), 64)
    with torch.no_grad():
        next(base.encoder.parameters()).fill_(0.25)
    save_encoder(base.encoder, base, tmp_path / "encoder")
    again = load_base_model(str(tmp_path / "encoder"), 64)
    assert torch.equal(next(again.encoder.parameters()), next(base.encoder.parameters()))
    assert again.info.id == tiny_encoder.name
    assert json.loads(again.tokenizer)["model"]["vocab"] == json.loads(base.tokenizer)["model"]["vocab"]


@pytest.mark.parametrize(("kept", "layers"), [(1, [1]), (2, [0, 1])])
def test_layers_are_kept_evenly_the_last_among_them(kept: int, layers: list[int], tiny_encoder: Path) -> None:
    whole = load_base_model(str(tiny_encoder), 64).encoder.state_dict()
    part = load_base_model(str(tiny_encoder), 64, layers=kept).encoder.state_dict()
    for index, layer in enumerate(layers):
        name = "encoder.layer.{}.output.dense.weight"
        assert torch.equal(part[name.format(index)], whole[name.format(layer)])


def test_more_layers_than_there_are_is_refused(tiny_encoder: Path) -> None:
    with pytest.raises(ConfigError, match="has 2 layers"):
        load_base_model(str(tiny_encoder), 64, layers=3)


def _write(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
