"""The metric families, one file each, and what their metrics mean.

Write `from eval.metrics import …`: a plain `import eval.metrics` hides the builtin `eval`.
"""

from __future__ import annotations

from eval.metrics import (
    behaviour,
    calibration_error,
    classification,
    latency,
    ordinal,
    ranking,
    scope,
    secondary,
    selective,
    triage,
)

URGENCY = "urgency_"
"""Prefix of the metrics on urgencies."""

DEFINITIONS = (
    classification.DEFINITIONS
    | scope.DEFINITIONS
    | ordinal.DEFINITIONS
    | triage.DEFINITIONS
    | secondary.DEFINITIONS
    | ranking.DEFINITIONS
    | calibration_error.DEFINITIONS
    | selective.DEFINITIONS
    | behaviour.DEFINITIONS
    | latency.DEFINITIONS
)
"""What each metric is; a metric on urgencies that is not here is as the one without the prefix."""


def lower_is_better(metric: str) -> bool:
    """Whether less is better; a metric of one label is as the metric."""
    bare = metric.partition("[")[0]
    definition = DEFINITIONS.get(bare) or DEFINITIONS.get(bare.removeprefix(URGENCY))
    return definition is not None and definition.lower_is_better
