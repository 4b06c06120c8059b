"""What a wrong urgency does: posts left waiting (under-triage), posts that push in (over-triage), emergencies missed.

A post without a predicted level counts as predicted at the level farthest from its gold level, as in `ordinal`.
"""

from __future__ import annotations

import numpy as np

from eval.metrics.family import Definition, Family, Floats, Ints, Measured, ratio
from eval.metrics.ordinal import farthest_where_missing

DEFINITIONS = {
    "urgency_under_triage": Definition(
        "under-triage",
        "Share of posts whose predicted urgency is lower than the gold one: they wait too long.",
        lower_is_better=True,
    ),
    "urgency_over_triage": Definition(
        "over-triage",
        "Share of posts whose predicted urgency is higher than the gold one: they push in before others.",
        lower_is_better=True,
    ),
    "urgency_critical_missed": Definition(
        "critical missed",
        "Of the posts whose gold urgency is the highest level, the share predicted two or more levels lower (with the "
        "default taxonomy: critical, predicted medium or low).",
        lower_is_better=True,
    ),
}

_MISSED_BY = 2


def triage(gold: Ints, predicted: Ints, levels: int, *, prefix: str = "urgency_") -> Family:
    """Figures on the direction of the errors on an ordered scale.

    Args:
        gold: `[posts]`, level indices, lowest first; negative without a gold level.
        predicted: `[posts]`, level indices; `levels` for no level.
        levels: Number of levels.
        prefix: Put before each metric's name.

    Returns:
        `under_triage`, `over_triage` and `critical_missed`.
    """
    known = gold >= 0
    off = np.where(known, farthest_where_missing(gold, predicted, levels) - gold, 0)
    top = gold == levels - 1
    columns = [known, off < 0, off > 0, top, top & (off <= -_MISSED_BY)]

    def figures(totals: Floats) -> dict[str, Measured]:
        posts, under, over, critical, missed = np.moveaxis(totals, -1, 0)
        return {
            f"{prefix}under_triage": Measured(ratio(under, posts), posts),
            f"{prefix}over_triage": Measured(ratio(over, posts), posts),
            f"{prefix}critical_missed": Measured(ratio(missed, critical), critical),
        }

    return Family(np.stack(columns, axis=1).astype(np.float64), figures)
