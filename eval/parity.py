"""A bundle's graph against the PyTorch weights that it was made from, on real posts, as both would serve them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earshot.bundle import Bundle
from earshot.calibration import Scores
from earshot.errors import DataError
from earshot.normalization import normalize
from earshot.parity import Difference, check_company, company_change, difference
from earshot.pipeline import Pipeline
from earshot.post import Post, Prediction
from earshot.tables import read_table, require_columns

REFERENCE = "torch"
"""The backend that the graph is compared with."""
_FP32 = ("fp32", "packed-fp32")


@dataclass(frozen=True, slots=True)
class Parity:
    """What was found.

    Attributes:
        model: Name, version and digest of the bundle.
        precision: Of its graph.
        data: The posts' file.
        difference: Between graph and weights.
        company_change: The largest change of one post's scores in random batches.
    """

    model: str
    precision: str
    data: str
    difference: Difference
    company_change: float

    def check(self) -> None:
        """Hold it to what training holds it to.

        Raises:
            ParityError: It fails.
        """
        if self.precision in _FP32:
            self.difference.check_export()
        else:
            self.difference.check_int8()
        check_company(self.company_change)

    def __str__(self) -> str:
        found = self.difference
        return (
            f"{self.model}, {self.precision} against PyTorch on {found.posts} posts of {self.data}\n"
            f"  flipped categories                {100 * found.flipped:.2f} %\n"
            f"  99th percentile of score change   {found.p99:.2e}\n"
            f"  largest score change              {found.largest:.2e}\n"
            f"  largest change in 200 batches     {self.company_change:.2e}"
        )


def compare(model: str, posts: Path, *, limit: int, seed: int) -> Parity:
    """Compare.

    Args:
        model: A bundle folder, or `default`.
        posts: A file with a column `text`.
        limit: How many of its posts, from the first.
        seed: Of the random batches.

    Raises:
        EarshotError: The bundle has no weights, the backend is not installed, or there are no posts.
    """
    bundle = Bundle.load(model)
    table = read_table(posts)
    require_columns(table, ("text",), asked_for=False)
    texts = [text for _, row in table.rows if isinstance(text := row.get("text"), str) and normalize(text)][:limit]
    if not texts:
        raise DataError(f"{posts} holds no posts to compare on")
    with Pipeline(bundle, backend=REFERENCE) as pipeline:
        exact = _scores(pipeline, texts)
    with Pipeline(bundle) as pipeline:
        found = difference(exact, _scores(pipeline, texts))
        moved = company_change(lambda rows: _scores(pipeline, [texts[row] for row in rows]), len(texts), seed=seed)
    manifest = bundle.manifest
    name = f"{manifest.name} {manifest.version} {manifest.digest[:19]}"
    return Parity(name, manifest.precision, posts.name, found, moved)


def _scores(pipeline: Pipeline, texts: Sequence[str]) -> Scores:
    """Scores as they are served; a post that is rejected has none, and none of the posts is blank."""
    results = [result for result in pipeline.predict([Post(text) for text in texts]) if isinstance(result, Prediction)]
    category = np.array([list(result.scores.values()) for result in results])
    urgency = np.array([list(result.urgency_scores.values()) for result in results])
    return Scores(category, np.zeros_like(category), urgency if urgency.size else None)
