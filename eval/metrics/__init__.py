"""The metric families, one file each, and what their metrics mean.

Write `from eval.metrics import …`: a plain `import eval.metrics` hides the builtin `eval`.
"""

from __future__ import annotations

from eval.metrics import calibration_error, classification, ordinal, scope, selective

URGENCY = "urgency_"
"""Prefix of the metrics on urgencies."""

DEFINITIONS = (
    classification.DEFINITIONS
    | scope.DEFINITIONS
    | ordinal.DEFINITIONS
    | calibration_error.DEFINITIONS
    | selective.DEFINITIONS
)
"""What each metric is; a metric on urgencies that is not here is as the one without the prefix."""
