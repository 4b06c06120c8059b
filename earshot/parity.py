"""How far apart two ways of computing the same model may lie, and how far a post's scores may move in company.

Training holds its exports to it before it writes a bundle; the harness holds bundles to it. Knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earshot.calibration import Scores
from earshot.errors import EarshotError

MAX_EXPORT_CHANGE = 1e-4
"""Largest difference in any probability between the network in PyTorch and its fp32 graph."""
MAX_FLIPPED = 0.005
"""Largest share of posts whose category int8 changes, against fp32."""
MAX_CHANGE_P99 = 0.03
"""Largest 99th percentile of the change that int8 makes to a post's scores."""
MAX_COMPANY_CHANGE = 1e-5
"""Largest change of any score of a post when other posts share its batch."""

_COMPANY_SIZES = (1, 2, 4, 8, 16, 32)

Run = Callable[[Sequence[int]], Scores]
"""Judges the posts with these numbers, together."""


class ParityError(EarshotError):
    """A graph does not compute what the trained network computes; it must not be served.

    Args:
        found: What differs, and by how much.
        advice: What to do about it.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(f"{found}; {advice}")
        self.found = found
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two models' scores of the same posts; a post's change is the largest of any of its probabilities.

    Attributes:
        posts: How many were compared.
        flipped: Share of posts whose best category differs.
        p99: 99th percentile of the posts' changes.
        largest: The largest change.
    """

    posts: int
    flipped: float
    p99: float
    largest: float

    def check_export(self) -> None:
        """Refuse an fp32 graph that differs from the network.

        Raises:
            ParityError: It does.
        """
        if not self.largest <= MAX_EXPORT_CHANGE:  # not a number is no parity either
            raise ParityError(
                f"the exported graph differs from the network by {self.largest:.2e} in probability on {self.posts} "
                f"posts, allowed are {MAX_EXPORT_CHANGE:.0e}",
                "try another torch or onnx version",
            )

    def check_int8(self) -> None:
        """Refuse an int8 graph that judges too many posts otherwise than fp32.

        One post may always flip: of a few posts, a single one is more than any small share.

        Raises:
            ParityError: It does.
        """
        flips_allowed = max(MAX_FLIPPED, 1 / max(1, self.posts))
        if not (self.flipped <= flips_allowed and self.p99 <= MAX_CHANGE_P99):
            raise ParityError(
                f"int8 flips {100 * self.flipped:.2f} % of {self.posts} posts (allowed: {100 * flips_allowed:.2f} %), "
                f"99th percentile of the score change {self.p99:.3f} (allowed: {MAX_CHANGE_P99})",
                'train with more optimization.rounded_epochs, or export with export.precision = "fp32"',
            )


def difference(one: Scores, other: Scores) -> Difference:
    """Compare two models' scores of the same posts."""
    change = score_change(one, other)
    flips = one.category.argmax(axis=1) != other.category.argmax(axis=1)
    return Difference(len(change), float(flips.mean()), float(np.quantile(change, 0.99)), float(change.max()))


def score_change(one: Scores, other: Scores) -> npt.NDArray[np.float64]:
    """`[posts]`, the largest difference of each post's category and urgency probabilities."""
    change = np.abs(one.category - other.category).max(axis=1)
    if one.urgency is not None and other.urgency is not None:
        change = np.maximum(change, np.abs(one.urgency - other.urgency).max(axis=1))
    return np.asarray(change)


def company_change(run: Run, posts: int, *, batches: int = 200, seed: int = 0) -> float:
    """Judge one post in many random batches.

    Args:
        run: Judges posts together.
        posts: How many there are to draw from.
        batches: How many batches.
        seed: Of the drawing: the post, its neighbours, their number and its place among them.

    Returns:
        The largest change of any of the post's scores, secondary ones included, against being judged alone.
    """
    random = np.random.default_rng(seed)
    post = int(random.integers(posts))
    alone = run([post])
    largest = 0.0
    for _ in range(batches):
        rows = random.integers(posts, size=random.choice(_COMPANY_SIZES))
        place = int(random.integers(len(rows) + 1))
        judged = run([*rows[:place].tolist(), post, *rows[place:].tolist()])
        for before, now in ((alone.category, judged.category), (alone.secondary, judged.secondary)):
            largest = max(largest, float(np.abs(now[place] - before[0]).max()))
        if alone.urgency is not None and judged.urgency is not None:
            largest = max(largest, float(np.abs(judged.urgency[place] - alone.urgency[0]).max()))
    return largest


def check_company(change: float) -> None:
    """Refuse a graph in which neighbours change a post's scores.

    Raises:
        ParityError: They do.
    """
    if not change <= MAX_COMPANY_CHANGE:
        raise ParityError(
            f"a post's scores move by {change:.1e} with the posts that share its batch, allowed are "
            f"{MAX_COMPANY_CHANGE:.0e}",
            'export with export.precision = "fp32" and report this',
        )
