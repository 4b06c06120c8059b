"""Any taxonomy goes through `earshot train` to a bundle that serves: many categories, two, no urgency, no scope."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from earshot.__main__ import main
from earshot.bundle import Bundle
from earshot.pipeline import Pipeline
from earshot.records import LabelledPost, read_labelled

WORDS = ("refund", "card", "app", "crash", "late", "love", "update", "price", "account", "login", "help", "order")


def _write(folder: Path, name: str, posts: Iterable[tuple[str, str]]) -> Path:
    path = folder / f"{name}.jsonl"
    rows = (json.dumps({"text": text, "category": category}) + "\n" for text, category in posts)
    path.write_text("".join(rows), encoding="utf-8")
    return path


def _taxonomy(folder: Path, names: Iterable[str], out_of_scope: str | None = None) -> Path:
    path = folder / "taxonomy.toml"
    head = ['name = "made-up"'] + ([f'out_of_scope = "{out_of_scope}"'] if out_of_scope else [])
    categories = [f'[[categories]]\nname = "{name}"\nexamples = ["a post of {name}"]' for name in names]
    path.write_text("\n".join([*head, *categories]) + "\n", encoding="utf-8")
    return path


def _train(folder: Path, encoder: Path, data: Path, taxonomy: Path, *arguments: str) -> Bundle:
    here = Path.cwd()
    os.chdir(folder)  # MLflow puts its artifacts there
    try:
        with pytest.raises(SystemExit) as exit_:
            main(
                [
                    *("train", "--data", str(data), "--taxonomy", str(taxonomy), "--output", "bundle"),
                    *(
                        "--base-model",
                        str(encoder),
                        "--tracking-uri",
                        f"sqlite:///{folder}/mlflow.db",
                    ),  # MLflow keeps one open per URI
                    *("--set", "model.max_tokens=16", "--set", "optimization.epochs=1"),
                    *arguments,
                ]
            )
    finally:
        os.chdir(here)
    assert not exit_.value.code
    return Bundle.load(folder / "bundle")


def _judged(bundle: Bundle, data: Path) -> list[tuple[LabelledPost, str]]:
    posts = read_labelled(data, bundle.manifest.taxonomy).posts
    with Pipeline(bundle, threads=1) as pipeline:
        return [(post, pipeline.classify(post.text).category) for post in posts]


def test_a_hundred_and_fifty_categories_without_scope_or_urgency(tmp_path: Path, tiny_encoder: Path) -> None:
    names = [f"intent_{number:03}" for number in range(150)]
    random = np.random.default_rng(5)
    posts = [(" ".join(random.choice(WORDS, size=3)), name) for name in names for _ in range(3)]
    data = _write(tmp_path, "posts", posts)
    probe = ("--set", "model.category_head=probe", "--set", "optimization.keep=last")
    bundle = _train(tmp_path, tiny_encoder, data, _taxonomy(tmp_path, names), *probe)
    assert bundle.manifest.taxonomy.category_names == tuple(names)
    assert len(bundle.manifest.golden) == 150
    with Pipeline(bundle, threads=1) as pipeline:
        prediction = pipeline.classify("my card order is late")
    assert len(prediction.scores) == 150
    assert sum(prediction.scores.values()) == pytest.approx(1)
    assert (prediction.urgency, prediction.route, prediction.secondary) == (None, None, ())


def test_two_categories_with_given_validation_posts_that_move_the_scope(tmp_path: Path, tiny_encoder: Path) -> None:
    # What is learned from says that nearly all is out of scope, what is validated on that nearly nothing is.
    learned = [(f"please refund my {word}", "wish") for word in WORDS[:3]]
    learned += [(f"I love my {word} {other}", "none") for word in WORDS for other in WORDS[:3]]
    validated = [(f"refund the {word} please", "wish") for word in WORDS] + [("thanks for the help", "none")]
    data, validation = _write(tmp_path, "posts", learned), _write(tmp_path, "validation", validated)
    taxonomy = _taxonomy(tmp_path, ["none", "wish"], "none")
    bundle = _train(
        tmp_path,
        tiny_encoder,
        data,
        taxonomy,
        *("--validation", str(validation), "--set", "decision.scope=accuracy"),
    )
    training = bundle.manifest.training
    assert [(source.name, source.rows) for source in training.data] == [("posts.jsonl", 39), ("validation.jsonl", 13)]
    assert training.validation["n"] == 13
    right = [category == post.category for post, category in _judged(bundle, validation)]
    assert np.mean(right) >= 12 / 13


@pytest.mark.parametrize(
    ("out_of_scope", "architecture", "said"),
    [(None, "encoder", "the taxonomy has none"), ("none", "tfidf", "leave it out for a baseline")],
)
def test_a_scope_that_cannot_be_moved_is_refused_before_training(
    out_of_scope: str | None, architecture: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _write(tmp_path, "posts", [("a wish", "wish"), ("no wish", "none")] * 2)
    taxonomy = _taxonomy(tmp_path, ["none", "wish"], out_of_scope)
    arguments = ["train", "--data", str(data), "--taxonomy", str(taxonomy), "--output", str(tmp_path / "bundle")]
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--set", "decision.scope=accuracy", "--set", f"model.architecture={architecture}"])
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
