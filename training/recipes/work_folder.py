"""A recipe's work folder: labelled files and a taxonomy, made from what upstream published. Knows nothing of training.

```
FOLDER/
  taxonomy.toml
  train.jsonl  [validation.jsonl]  test.jsonl        where there is an official test part
  fold-01/train.jsonl  fold-01/test.jsonl  …         else
```

The same input gives the same bytes. Nothing of it belongs into the repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from training.recipes.recipe import BenchmarkPost, Parts, Recipe, RecipeError, UpstreamFile

TAXONOMY = "taxonomy.toml"
_FOLD_SEED = 0
"""The folds are the same for every seed of a training."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one model is trained and judged on.

    Attributes:
        name: Such as `fold-01`; empty where there is only one.
        train: Labelled file to learn from.
        validation: Labelled file that upstream gives to choose by, or None.
        test: Labelled file to judge on.
        settings: Of the training on it, put over the recipe's configuration.
    """

    name: str
    train: Path
    validation: Path | None
    test: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A recipe's files, ready for `earshot train` and `earshot eval`.

    Attributes:
        folder: Where they are.
        parts: One, or one for each fold.
    """

    folder: Path
    parts: tuple[Part, ...]

    @property
    def taxonomy(self) -> Path:
        """The taxonomy file."""
        return self.folder / TAXONOMY

    @classmethod
    def prepare(cls, recipe: Recipe, data_root: Path, folder: Path) -> WorkFolder:
        """Make the files.

        Args:
            recipe: The benchmark.
            data_root: The folder that holds `benchmarks/`.
            folder: Where to write to.

        Raises:
            RecipeError: An upstream file is missing, or another than the recipe means; or the folder cannot be written.
        """
        parts = recipe.read([_content(file, data_root) for file in recipe.files])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / TAXONOMY).write_text(taxonomy_toml(recipe, parts), encoding="utf-8")
            cut = _folds(parts, recipe.folds) if recipe.folds else (("", parts),)
            return cls(folder, tuple(_write(recipe, folder, name, posts) for name, posts in cut))
        except OSError as error:
            raise RecipeError(f"cannot write to {folder}: {error.strerror}") from error


def _content(file: UpstreamFile, data_root: Path) -> bytes:
    path = data_root / file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"cannot read {path}: {error.strerror}; set EARSHOT_DATA (or --data-root) to the folder that holds "
            f"{file.path}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise RecipeError(
            f"{path} is not the file that the recipe was made for: its SHA-256 is {found[:12]}…, not "
            f"{file.sha256[:12]}…; fetch it again from upstream"
        )
    return content


def taxonomy_toml(recipe: Recipe, parts: Parts) -> str:
    """The taxonomy of the categories that occur in training, in alphabetical order, without urgencies or routes."""
    lines = [f"name = {_quoted(recipe.name)}"]
    if recipe.out_of_scope is not None:
        lines.append(f"out_of_scope = {_quoted(recipe.out_of_scope)}")
    for name in sorted({post.category for post in parts["train"]}):
        lines += ["", "[[categories]]", f"name = {_quoted(name)}"]
        if examples := recipe.examples.get(name):
            lines.append(f"examples = [{', '.join(map(_quoted, examples))}]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # for all but control characters also TOML


def _folds(parts: Parts, count: int) -> Iterator[tuple[str, Parts]]:
    posts = parts["train"]
    cutter = StratifiedKFold(n_splits=count, shuffle=True, random_state=_FOLD_SEED)
    rows = cutter.split(np.zeros(len(posts)), [post.category for post in posts])
    for number, (train, test) in enumerate(rows, start=1):
        yield f"fold-{number:02}", {"train": [posts[row] for row in train], "test": [posts[row] for row in test]}


def _write(recipe: Recipe, folder: Path, name: str, parts: Parts) -> Part:
    place = folder / name
    place.mkdir(exist_ok=True)
    paths = {part: place / f"{part}.jsonl" for part in parts}
    for part, posts in parts.items():
        paths[part].write_text(_jsonl(recipe, part, posts), encoding="utf-8")
    return Part(name, paths["train"], paths.get("validation"), paths["test"])


def _jsonl(recipe: Recipe, part: str, posts: Sequence[BenchmarkPost]) -> str:
    rows = (
        {
            "id": f"{part}-{number:05}",
            "text": post.text,
            "category": post.category,
            "source": recipe.name,
            "licence": recipe.licence,
        }
        for number, post in enumerate(posts)
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
