"""What the figures of behaviour and robustness tests mean; `eval.checks` and `eval.robustness` compute them."""

from __future__ import annotations

from eval.metrics.family import Definition

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
