"""The pass rate, and what the other figures of behaviour and robustness tests mean; `eval.robustness` finds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.metrics.family import Definition, Family, Measured, ratio

DEFINITIONS = {
    "pass_rate": Definition(
        "pass rate",
        "Share of cases that hold. The cases of a test are alike, so its interval (Wilson) speaks of such cases, not "
        "of posts at large.",
    ),
    "lowest_pass_rate": Definition("lowest pass rate", "The pass rate of the worst test of the group."),
    "unperturbed_accuracy": Definition(
        "accuracy unchanged", "Share of the posts, as they were written, whose category is the gold one."
    ),
    "perturbed_accuracy": Definition(
        "accuracy changed", "Share of the same posts, with the small change, whose category is the gold one."
    ),
    "urgency_kept": Definition("urgency kept", "Share of posts whose urgency stays under the small change."),
    "urgency_raised": Definition(
        "urgency raised", "Share of posts whose urgency rises under the small change.", lower_is_better=True
    ),
}


def pass_family(passed: Sequence[bool]) -> Family:
    """The pass rate.

    Args:
        passed: `[cases]`.

    Returns:
        `pass_rate`.
    """
    contributions = np.stack([np.asarray(passed, dtype=np.float64), np.ones(len(passed))], axis=1)
    return Family(
        contributions, lambda totals: {"pass_rate": Measured(ratio(totals[..., 0], totals[..., 1]), totals[..., 1])}
    )
