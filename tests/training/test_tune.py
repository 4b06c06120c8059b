from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState

from earshot.__main__ import main
from tests.training.children import kill_after, run
from training.checkpoint import Checkpoints
from training.config import TrainingConfig
from training.search_plots import Outcome, plot_history, plot_importances

CONFIG = """
seed = 5
[model]
max_tokens = 64
[optimization]
batch_size = 48
checkpoint_steps = 2
[search]
startup_trials = 2
[search.space]
optimization.learning_rate = { low = 1e-3, high = 3e-2, log = true }
optimization.epochs = { low = 2, high = 3 }
loss.class_weights = { choices = ["none", "sqrt"] }
"""
TRIALS = 5


@pytest.fixture(scope="module")
def command(tiny_encoder: Path, authored_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    config = tmp_path_factory.mktemp("config") / "search.toml"
    config.write_text(CONFIG)
    data = ["--data", str(authored_file), "--base-model", str(tiny_encoder), "--config", str(config)]
    # Its own, for a child inherits the address that an earlier test's MLflow left in the environment.
    tracking = ["--tracking-uri", "sqlite:///mlflow.db"]
    return ["tune", *data, "--output", "search", "--trials", str(TRIALS), *tracking]


@pytest.fixture(scope="module")
def searched(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a search ran undisturbed."""
    folder = tmp_path_factory.mktemp("searched")
    assert run(folder, command) == 0, (folder / "child.log").read_text()
    return folder


def _finished(folder: Path) -> list[tuple[dict[str, object], float | None, dict[int, float]]]:
    """Settings, score and the score after each epoch of every finished trial."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'search' / 'study.db'}")
    study = optuna.load_study(storage=storage, study_name="earshot")
    trials = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    found = [(trial.params, trial.value, trial.intermediate_values) for trial in trials]
    storage.remove_session()
    storage.engine.dispose()
    return found


def test_the_best_settings_are_written_as_a_configuration(searched: Path) -> None:
    trials = _finished(searched)
    assert len(trials) == TRIALS
    best, score, _ = max(trials, key=lambda trial: trial[1] or 0.0)
    config = TrainingConfig.load(searched / "search" / "best.toml")
    assert config.optimization.learning_rate == best["optimization.learning_rate"]
    assert config.optimization.epochs == best["optimization.epochs"]
    assert config.loss.class_weights == best["loss.class_weights"]
    assert (config.seed, config.optimization.batch_size) == (5, 48), "the rest is as it was given"
    assert f"{score:.4f} on validation" in (searched / "search" / "best.toml").read_text()
    assert not (searched / "search" / "trial.training").exists()


def test_a_stopped_trial_fell_behind_before_its_end(searched: Path) -> None:
    trials = _finished(searched)
    assert all(len(scores) <= int(str(settings["optimization.epochs"])) for settings, _, scores in trials)
    ended = [scores for settings, _, scores in trials if len(scores) == settings["optimization.epochs"]]
    assert len(ended) >= 2, "the first two run to their end"


def test_each_trial_is_a_run_within_the_searchs(searched: Path) -> None:
    with sqlite3.connect(searched / "mlflow.db") as database:
        runs = dict(database.execute("select run_uuid, name from runs where status = 'FINISHED'").fetchall())
        parents = database.execute("select run_uuid, value from tags where key = 'mlflow.parentRunId'").fetchall()
        learning_rates = database.execute(
            "select count(distinct value) from params where key = 'optimization.learning_rate'"
        ).fetchone()
        epochs = database.execute("select count(*) from metrics where key = 'validation/selection_score'").fetchone()
    database.close()
    (search,) = [run_id for run_id, name in runs.items() if name == "search"]
    assert {parent for _, parent in parents} == {search}
    assert sorted(runs[child] for child, _ in parents) == [f"trial {number}" for number in range(TRIALS)]
    assert learning_rates == (TRIALS,)
    assert epochs == (sum(len(scores) for _, _, scores in _finished(searched)) + 1,), "and the search's own"
    logged = {path.name for path in searched.glob(f"mlruns/**/{search}/artifacts/**/*") if path.is_file()}
    assert logged == {"best.toml", "history.png", "importances.png"}


def in_the_middle_of_the_second_trial() -> None:
    kill_after(torch.optim.AdamW, "step", calls=21)


def before_a_trial_is_told() -> None:
    kill_after(Checkpoints, "load_best")


def between_two_trials() -> None:
    kill_after(optuna.Study, "tell", calls=2)


def test_a_search_killed_again_and_again_finds_the_same(searched: Path, command: list[str], tmp_path: Path) -> None:
    for moment in (in_the_middle_of_the_second_trial, before_a_trial_is_told, between_two_trials):
        code = run(tmp_path, command, before=moment)
        assert code == -signal.SIGKILL, f"{moment.__name__}: {code}\n{(tmp_path / 'child.log').read_text()}"
    assert run(tmp_path, command) == 0, (tmp_path / "child.log").read_text()
    assert _finished(tmp_path) == _finished(searched)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select count(*) from runs where status = 'FINISHED'").fetchone() == (TRIALS + 1,)
        assert database.execute("select count(*) from runs").fetchone() == (TRIALS + 1,), "no trial has two runs"
    database.close()


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (
            ["--set", "optimization.warmup_fraction=0.2"],
            "holds a search with other data, configuration or search space",
        ),
        (["--set", "model.architecture=tfidf"], "only an encoder can be tuned"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    extra: list[str], said: str, searched: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with _inside(searched), pytest.raises(SystemExit) as exit_:
        main([*command, *extra])
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_a_search_that_found_nothing_yet_may_start_over_otherwise(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, right = ["--base-model", str(tmp_path / "absent")], ["--trials", "1"]
    for extra, code in ((wrong, 2), (right, 0)):
        with _inside(tmp_path), pytest.raises(SystemExit) as exit_:
            main([*command, *extra])
        assert (exit_.value.code or 0) == code, capsys.readouterr().err


def test_two_searches_dont_share_a_folder(
    searched: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    with (searched / "search" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _inside(searched), pytest.raises(SystemExit) as exit_:
            main(command)
    assert exit_.value.code == 2
    assert "another search is at work in search" in capsys.readouterr().err


def test_pictures_show_every_trial_and_every_setting() -> None:
    history = plot_history([Outcome(0, 0.4, False), Outcome(1, 0.2, True), Outcome(2, 0.5, False)])
    (axes,) = history.axes
    assert [np.asarray(points.get_offsets()).shape for points in axes.collections] == [(2, 2), (1, 2)]
    assert axes.lines[0].get_ydata().tolist() == [0.4, 0.5]  # type: ignore[union-attr]  # an array at run time
    (bars,) = plot_importances({"a": 0.2, "b": 0.8}).axes
    assert [label.get_text() for label in bars.get_yticklabels()] == ["a", "b"]
