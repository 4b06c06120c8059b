"""`earshot teach`: answers on posts that the teacher did not learn from, kept in a file that a student learns from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earshot.__main__ import main
from earshot.bundle import Bundle
from earshot.calibration import Scores
from earshot.records import Row
from earshot.taxonomy import Taxonomy
from tests.training.conftest import set_options
from training.answers import Answers, save_answers
from training.config import ConfigError
from training.cross_fit import folds_of
from training.dataset import Dataset
from training.teachers import ask, load_teachers

TAXONOMY = Taxonomy.default()
FAST = {
    "model.max_tokens": "64",
    "model.layers": "1",
    "optimization.epochs": "1",
    "optimization.rounded_epochs": "0",
}


def _scores(posts: int, seed: int = 0) -> Scores:
    random = np.random.default_rng(seed)
    return Scores(
        random.dirichlet(np.ones(len(TAXONOMY.categories)), posts),
        random.random((posts, len(TAXONOMY.categories))),
        random.dirichlet(np.ones(len(TAXONOMY.urgencies)), posts),
    )


def _write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def answered(tiny_encoder: Path, authored_rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelled and unlabelled posts, and a teacher's answers on both."""
    folder = tmp_path_factory.mktemp("teach")
    labelled = _write(folder / "labelled.jsonl", authored_rows[:200])
    unlabelled = _write(folder / "unlabelled.jsonl", [{"text": row["text"]} for row in authored_rows[190:240]])
    assert _teach(folder, labelled, unlabelled, tiny_encoder) == 0
    return folder


def _teach(folder: Path, labelled: Path, unlabelled: Path, encoder: Path) -> object:
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                *("teach", "--data", str(labelled), "--unlabelled", str(unlabelled), "--base-model", str(encoder)),
                *("--folds", "2", "--output", str(folder / "answers.npz"), *set_options(FAST)),
            ]
        )
    return exit_.value.code


def test_every_post_is_answered_for(answered: Path, authored_rows: list[Row]) -> None:
    answers = Answers.load(answered / "answers.npz", TAXONOMY)
    scores = answers.of([str(row["text"]) for row in authored_rows[:240]])
    assert scores.category.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert scores.urgency is not None
    assert scores.urgency.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_what_is_finished_is_not_done_again(answered: Path, tiny_encoder: Path) -> None:
    kept = {path: path.stat().st_mtime_ns for path in (answered / "answers.npz.training").glob("fold-*.npz")}
    assert len(kept) == 2
    before = (answered / "answers.npz").read_bytes()
    assert _teach(answered, answered / "labelled.jsonl", answered / "unlabelled.jsonl", tiny_encoder) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert Answers.load(answered / "answers.npz", TAXONOMY).scores.category.tobytes() == _category(before, answered)


def _category(content: bytes, folder: Path) -> bytes:
    (folder / "before.npz").write_bytes(content)
    return Answers.load(folder / "before.npz", TAXONOMY).scores.category.tobytes()


def test_answers_of_another_training_are_not_taken(
    answered: Path, authored_rows: list[Row], tiny_encoder: Path
) -> None:
    other = _write(answered / "other.jsonl", authored_rows[:180])
    kept = next((answered / "answers.npz.training").glob("fold-*.npz"))
    before = kept.read_bytes()
    assert _teach(answered, other, answered / "unlabelled.jsonl", tiny_encoder) == 0
    assert kept.read_bytes() != before
    with pytest.raises(ConfigError, match=r"no answer for 1 of 1 posts, such as .*ask it about the same files"):
        Answers.load(answered / "answers.npz", TAXONOMY).of([str(authored_rows[185]["text"])])
    assert _teach(answered, answered / "labelled.jsonl", answered / "unlabelled.jsonl", tiny_encoder) == 0


def test_a_student_learns_from_answers_without_the_teacher(
    answered: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow puts its artifacts there
    taught = {
        "distillation.teachers": f"['{answered / 'answers.npz'}']",
        "distillation.unlabelled": f"['{answered / 'unlabelled.jsonl'}']",
    }
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                *("train", "--data", str(answered / "labelled.jsonl"), "--base-model", str(tiny_encoder)),
                *("--output", "bundle", "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
                *set_options(FAST | taught),
            ]
        )
    assert exit_.value.code == 0
    said = capsys.readouterr().err
    assert "40 of 50 unlabelled posts to learn from as well" in said  # ten are labelled after all
    (teacher,) = Bundle.load(tmp_path / "bundle").manifest.training.teachers
    assert teacher == Answers.load(answered / "answers.npz", TAXONOMY).identity


@pytest.mark.parametrize(("first", "code", "told"), [(200, 0, "80 labelled posts"), (240, 2, "never asked about any")])
def test_posts_that_the_teacher_was_never_asked_about_are_learned_by_their_labels(
    first: int,
    code: int,
    told: str,
    answered: Path,
    authored_rows: list[Row],
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    labelled = _write(tmp_path / "more.jsonl", authored_rows[first:])
    given = _write(tmp_path / "validation.jsonl", authored_rows[:40])
    with pytest.raises(SystemExit) as exit_:
        main(
            [
                *("train", "--data", str(labelled), "--validation", str(given), "--base-model", str(tiny_encoder)),
                *("--output", "bundle", "--tracking-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"),
                *set_options(FAST | {"distillation.teachers": f"['{answered / 'answers.npz'}']"}),
            ]
        )
    said = capsys.readouterr().err
    assert (exit_.value.code, told in said) == (code, True), said
    assert (tmp_path / "bundle" / "manifest.json").is_file() == (code == 0)


def test_answers_are_averaged_with_those_of_other_teachers(tmp_path: Path) -> None:
    texts = ["first", "second"]
    for name, seed in (("one", 1), ("two", 2)):
        save_answers(tmp_path / f"{name}.npz", texts, _scores(2, seed), TAXONOMY, name=name, version="1")
    teachers = load_teachers([str(tmp_path / "one.npz"), str(tmp_path / "two.npz")], TAXONOMY)
    mean = (_scores(2, 1).category + _scores(2, 2).category) / 2
    assert ask(teachers, texts[::-1], tmp_path).category == pytest.approx(mean[::-1], abs=1e-6)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=20))
def test_answers_are_found_again_by_text(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path, scores = tmp_path_factory.mktemp("answers") / "answers.npz", _scores(len(texts))
    save_answers(path, texts, scores, TAXONOMY, name="teacher", version="1")
    found = Answers.load(path, TAXONOMY).of(texts)
    first = [texts.index(text) for text in texts]
    assert found.category == pytest.approx(scores.category[first], abs=1e-6)
    assert found.secondary == pytest.approx(scores.secondary[first], abs=1e-6)


def test_answers_about_other_labels_are_refused(tmp_path: Path) -> None:
    save_answers(tmp_path / "answers.npz", ["post"], _scores(1), TAXONOMY, name="teacher", version="1")
    other = TAXONOMY.model_copy(update={"categories": TAXONOMY.categories[::-1]})
    with pytest.raises(ConfigError, match="has other labels"):
        load_teachers([str(tmp_path / "answers.npz")], other)


def test_a_file_that_holds_no_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answers.npz").write_bytes(b"anything")
    with pytest.raises(ConfigError, match="cannot read answers"):
        load_teachers([str(tmp_path / "answers.npz")], TAXONOMY)


def test_folds_keep_near_duplicates_together_and_ask_each_post_once() -> None:
    posts, groups = 60, np.repeat(np.arange(20), 3)
    data = Dataset(
        [str(row) for row in range(posts)],
        np.arange(posts) % 2,
        np.zeros((posts, 2), np.float32),
        np.zeros(posts, np.int64),
        np.zeros(posts, bool),
    )
    folds = folds_of(data, groups, 4, seed=3)
    assert sorted(np.concatenate([fold.asked for fold in folds])) == list(range(posts))
    for fold in folds:
        assert not set(groups[fold.learned]) & set(groups[fold.asked])
        assert len(fold.learned) + len(fold.asked) == posts
