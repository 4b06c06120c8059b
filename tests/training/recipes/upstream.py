"""Small files in the formats of the benchmarks' authors, every text made up here."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.recipes.catalogue import RECIPES
from training.recipes.recipe import Recipe, UpstreamFile

Rows = Sequence[Sequence[str]]


def as_csv(rows: Rows, encoding: str = "utf-8") -> bytes:
    """Rows as upstream writes them: quoted where a cell holds a comma or a quote."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding)


def banking77() -> list[bytes]:
    """Three questions to learn from, one to judge on."""
    train = [["text", "category"], ["Where is it, please?", "card_arrival"], ['a "quoted" word', "exchange_rate"]]
    return [as_csv([*train, ["lost it", "lost_or_stolen_card"]]), as_csv([train[0], ["found it", "card_arrival"]])]


def clinc150() -> list[bytes]:
    """One query in each section."""
    sections = ("train", "val", "test", "oos_train", "oos_val", "oos_test")
    queries = {name: [[f"{name} query", "oos" if name.startswith("oos") else "weather"]] for name in sections}
    return [json.dumps(queries).encode()]


def complaint_tweets(each: int = 20) -> list[bytes]:
    """As many complaints as other tweets."""
    complaints = [[str(number), f"broken again, {number} times", "1", "food"] for number in range(each)]
    others = [[str(each + number), f"lunch for {number} — nice", "0", "random_tweet"] for number in range(each)]
    return [as_csv([*complaints, *others])]


def semeval2019_task9a() -> list[bytes]:
    """Sentences in quotes to learn from, bare ones to judge on."""
    train = [["663_1", '"Please add a café finder."', "1"], ["663_2", "It rained.", "0"], ["663_3", '"', "0"]]
    return [as_csv(train, "latin-1"), as_csv([["9566", "Add a clock.", "1"]], "latin-1")]


def published(name: str, contents: Sequence[bytes], data_root: Path) -> Recipe:
    """Put files where the recipe looks for its benchmark's, and give a recipe that takes them for the real ones."""
    recipe = RECIPES[name]
    files = []
    for file, content in zip(recipe.files, contents, strict=True):
        path = data_root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files.append(UpstreamFile(file.path, hashlib.sha256(content).hexdigest()))
    return replace(recipe, files=tuple(files))
