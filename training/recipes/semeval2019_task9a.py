"""SemEval-2019 task 9, subtask A: does a forum sentence suggest something? (Negi et al. 2019).

Evaluation only: no other model is trained on these sentences.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from training.recipes.recipe import BenchmarkPost, Parts, Published, Recipe, UpstreamFile

_CATEGORIES = {"0": "none", "1": "suggestion"}


def _posts(content: bytes) -> Iterator[BenchmarkPost]:
    for _, sentence, label in csv.reader(io.StringIO(content.decode("latin-1"), newline="")):
        yield BenchmarkPost(_unquoted(sentence), _CATEGORIES[label])


def _unquoted(sentence: str) -> str:
    """Without the marks around a whole sentence: five of six in the training file have them, none in the test file."""
    quoted = len(sentence) > 2 and sentence[0] == sentence[-1] == '"'
    return sentence[1:-1] if quoted else sentence


def read(contents: Sequence[bytes]) -> Parts:
    """Read the training and evaluation files: latin-1, no header; id, sentence, label."""
    train, test = contents
    return {"train": list(_posts(train)), "test": list(_posts(test))}


RECIPE = Recipe(
    name="semeval2019_task9a",
    title="SemEval-2019 task 9A",
    split="official evaluation set",
    licence="CC-BY-NC-SA-4.0",
    files=(
        UpstreamFile(
            "benchmarks/semeval2019_task9a/V1.4_Training.csv",
            "7228ab0b1d3a56f3bdbfacbad145e90dc39cd6db3fd7eaf01bac99cd203d7559",
        ),
        UpstreamFile(
            "benchmarks/semeval2019_task9a/SubtaskA_EvaluationData_labeled.csv",
            "2ef8e05d79b95665ef495e026c292febc1570ad07745951a7ae5236e3322ade3",
        ),
    ),
    read=read,
    metrics=("f1[suggestion]", "macro_f1"),
    published=(Published("winner of the task, 2019", {"f1[suggestion]": 0.7812}),),
    out_of_scope="none",
    examples={
        "suggestion": ("It would help to have a switch for the dark theme.",),
        "none": ("I wrote my first app over the holidays.",),
    },
)
