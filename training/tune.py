"""Hyper-parameter search: trial after trial, judged on the validation split. The only file that knows Optuna.

A trial is a fine-tuning without export. The study lies in SQLite and a trial's checkpoints beside it, so that whatever
stops the search costs at most the steps since the last checkpoint.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import optuna
import tomlkit
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from earshot.errors import EarshotError
from earshot.tables import sha256_of
from training.checkpoint import Checkpoints, Progress
from training.config import ConfigError
from training.fit_encoder import TrainingInterrupted
from training.material import Material, begin
from training.request import Request, Say
from training.search_plots import Outcome, plot_history, plot_importances
from training.search_space import Dimension, Range, SearchConfig, Value
from training.tracking import tracked
from training.validation import selection_score

_STUDY = "earshot"
_GO_ON = "the same command goes on from there"
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Search:
    """What `earshot tune` was asked for.

    Attributes:
        base: The training that every trial varies; its `output` is where trials put their checkpoints.
        config: How to search, and where.
        folder: For the study and the best configuration.
        trials: How many trials there shall be in the end, those of earlier calls included.
    """

    base: Request
    config: SearchConfig
    folder: Path
    trials: int

    @property
    def best(self) -> Path:
        """The file of the best configuration."""
        return self.folder / "best.toml"

    def fingerprint(self) -> str:
        """Of all that makes scores comparable: a study with another one is another search."""
        content = [
            self.base.config.model_dump(mode="json", exclude={"export", "decision"}),
            self.base.taxonomy.model_dump(mode="json"),
            [sha256_of(path) for path in (*self.base.data, *self.base.validation, *self.base.held_out)],
            self.config.model_dump(mode="json"),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def tune(search: Search, say: Say) -> FrozenTrial:
    """Search, and write the best configuration.

    Args:
        search: What was asked for.
        say: Told what is going on, a line at a time.

    Returns:
        The best trial.

    Raises:
        EarshotError: Data or configuration cannot be used, the folder holds another search, somebody else is at it, or
            the search was stopped.
    """
    if search.base.config.model.architecture != "encoder":
        raise ConfigError("only an encoder can be tuned: set model.architecture = 'encoder'")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(search.folder), _open_study(search) as study:
        with tracked(search.base.tracking_uri, "search", study.user_attrs.get("run_id")) as run:
            study.set_user_attr("run_id", run.id)
            run.log_search({name: str(dimension) for name, dimension in search.config.space.items()})
            _take_up_again(study)
            _search(study, search, say)
            best = _best(study)
            if best is None or best.value is None:
                raise EarshotError(f"no trial of the search in {search.folder} ran to its end")
            _write_best(study, search)
            run.log_search_results(_pictures(study), search.best, best.value, best.number)
        shutil.rmtree(search.base.work, ignore_errors=True)
        return best


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others out: two searches would take up each other's trials."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EarshotError(
                f"another search is at work in {folder}: wait for it, or name another --output"
            ) from None
        yield


@contextmanager
def _open_study(search: Search) -> Iterator[optuna.Study]:
    fingerprint = search.fingerprint()
    storage = optuna.storages.RDBStorage(f"sqlite:///{search.folder / 'study.db'}")
    try:
        study = _study(storage, search.config)
        if study.user_attrs.get("fingerprint", fingerprint) != fingerprint:
            if study.get_trials(states=_FINISHED):
                raise EarshotError(
                    f"{search.folder} holds a search with other data, configuration or search space: go on with the "
                    "same, or name another --output"
                )
            optuna.delete_study(study_name=_STUDY, storage=storage)  # nothing is lost
            study = _study(storage, search.config)
        study.set_user_attr("fingerprint", fingerprint)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _study(storage: optuna.storages.BaseStorage, config: SearchConfig) -> optuna.Study:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=config.startup_trials, n_warmup_steps=config.warmup_epochs)
    return optuna.create_study(
        storage=storage, study_name=_STUDY, direction="maximize", load_if_exists=True, pruner=pruner
    )


def _take_up_again(study: optuna.Study) -> None:
    """Let a trial that was interrupted be the next one, with the same settings, from its checkpoint."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        reports = {str(epoch): score for epoch, score in trial.intermediate_values.items()}
        study.enqueue_trial(trial.params, user_attrs=trial.user_attrs | {"goes_on": trial.number, "reports": reports})
        study.tell(trial.number, state=TrialState.FAIL)


def _search(study: optuna.Study, search: Search, say: Say) -> None:
    done = len(study.get_trials(states=_FINISHED))
    with tqdm(total=search.trials, initial=done, desc="trials", unit="trial", disable=None) as bar:
        while done < search.trials:
            # By how many are done, so that an interrupted search draws what an undisturbed one would have.
            study.sampler = optuna.samplers.TPESampler(
                seed=search.config.seed + done, n_startup_trials=search.config.startup_trials
            )
            _try_one(study, search, say)
            done += 1
            bar.update()
            if (best := _best(study)) is not None:
                _write_best(study, search)
                bar.set_postfix(best=f"{best.value:.4f}")


def _try_one(study: optuna.Study, search: Search, say: Say) -> None:
    trial = study.ask()
    settings = {name: _suggest(trial, name, dimension) for name, dimension in search.config.space.items()}
    request = replace(search.base, config=search.base.config.with_settings(settings, f"trial {trial.number}"))
    say(f"trial {trial.number}: " + ", ".join(f"{name} = {_shown(value)}" for name, value in settings.items()))
    for epoch, score in trial.user_attrs.get("reports", {}).items():
        trial.report(score, int(epoch))
    try:
        score = _score(trial, request, say)
    except optuna.TrialPruned:
        say(f"trial {trial.number}: stopped, it falls behind")
        study.tell(trial, state=TrialState.PRUNED)
        return
    except TrainingInterrupted as error:
        raise TrainingInterrupted(f"stopped in trial {trial.number}; {_GO_ON}") from error
    study.tell(trial, score)


def _score(trial: optuna.Trial, request: Request, say: Say) -> float:
    """Train as the trial asks, and give the best score of its epochs."""
    checkpoints = Checkpoints(request.work)
    resume = "goes_on" in trial.user_attrs and checkpoints.exists()
    if not resume:
        checkpoints.forget()
    material = Material.of(request, lambda _: None)
    with tracked(request.tracking_uri, f"trial {trial.number}", trial.user_attrs.get("run_id"), nested=True) as run:
        trial.set_user_attr("run_id", run.id)
        run.log_config(request.config, material.pupil.sources, request.command)
        run.log_inputs(request.inputs, material.pupil.sources)
        _, fit, lesson = begin(request, material, lambda _: None)

        def on_epoch_end(epoch: int, figures: dict[str, float]) -> None:
            score = selection_score(figures)
            run.log_epoch(epoch, figures | {"selection_score": score})
            say(f"trial {trial.number}, epoch {epoch + 1}/{request.config.optimization.epochs}: score {score:.4f}")
            trial.report(score, epoch)
            if epoch + 1 < request.config.optimization.epochs and trial.should_prune():
                raise optuna.TrialPruned

        try:
            progress = fit.run(
                lesson,
                material.validation,
                checkpoints,
                Progress(material.fingerprint),
                resume=resume,
                on_epoch_end=on_epoch_end,
            )
        except optuna.TrialPruned:
            run.log_outcome("pruned")
            raise
        run.log_outcome("finished")
    return progress.best_score


def _suggest(trial: optuna.Trial, name: str, dimension: Dimension) -> Value:
    if not isinstance(dimension, Range):
        return cast(Value, trial.suggest_categorical(name, dimension.choices))
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def _shown(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _best(study: optuna.Study) -> FrozenTrial | None:
    """The best of the trials that ran to their end, if one did."""
    return study.best_trial if study.get_trials(states=(TrialState.COMPLETE,)) else None


def _write_best(study: optuna.Study, search: Search) -> None:
    best, base = study.best_trial, search.base
    config = base.config.with_settings(best.params, f"trial {best.number}")
    said = [
        f"# The best of {len(study.get_trials(states=_FINISHED))} trials, number {best.number}: selection score",
        f"# {best.value:.4f} on validation, seed {config.seed}, by",
        f"#   {base.command}",
    ]
    content = tomlkit.dumps(config.model_dump(mode="json", exclude_none=True))
    unfinished = search.best.with_suffix(".tmp")
    unfinished.write_text("\n".join([*said, content]), encoding="utf-8")
    unfinished.replace(search.best)


def _pictures(study: optuna.Study) -> Mapping[str, Any]:
    trials = study.get_trials(states=_FINISHED)
    outcomes = [
        Outcome(trial.number, trial.value, trial.state == TrialState.PRUNED)
        for trial in trials
        if trial.value is not None
    ]
    pictures = {"history.png": plot_history(outcomes)}
    finished = [outcome.score for outcome in outcomes if not outcome.pruned]
    if len(set(finished)) > 1:  # without a difference nothing explains it
        pictures["importances.png"] = plot_importances(optuna.importance.get_param_importances(study))
    return pictures
