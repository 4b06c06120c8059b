"""The figures that choose an epoch, and that the manifest keeps. The judge of a finished bundle is `eval`, not this."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from earshot.calibration import Calibration
from earshot.decision import median_level
from earshot.session import Logits
from training.dataset import NO_URGENCY, Dataset


def validation_figures(logits: Logits, data: Dataset, calibration: Calibration | None = None) -> dict[str, float]:
    """Judge logits on the validation split.

    Args:
        logits: Of the posts of `data`, in order.
        data: The posts.
        calibration: Applied first; by default none, which decides the same categories.

    Returns:
        `accuracy`, `macro_f1` and, with urgencies, `urgency_macro_f1` and `urgency_kappa` (quadratic weights).
    """
    scores = (calibration or Calibration()).apply(logits)
    category = scores.category.argmax(axis=1)
    figures = {
        "accuracy": float(accuracy_score(data.category, category)),
        "macro_f1": float(f1_score(data.category, category, average="macro", zero_division=0.0)),
    }
    known = data.urgency != NO_URGENCY
    if scores.urgency is not None and known.any():
        levels = np.array([median_level(row) for row in scores.urgency[known]])
        truth = data.urgency[known]
        all_levels = list(range(scores.urgency.shape[1]))
        figures["urgency_macro_f1"] = float(f1_score(truth, levels, average="macro", zero_division=0.0))
        kappa = cohen_kappa_score(truth, levels, labels=all_levels, weights="quadratic")
        figures["urgency_kappa"] = 0.0 if np.isnan(kappa) else float(kappa)
    return figures


def selection_score(figures: dict[str, float]) -> float:
    """What the best epoch is best in: the mean of macro-F1 and, where there are urgencies, their kappa."""
    return float(np.mean([figures[name] for name in ("macro_f1", "urgency_kappa") if name in figures]))


def epoch_line(epoch: int, epochs: int, figures: dict[str, float]) -> str:
    """For people: an epoch's figures.

    Args:
        epoch: From 0.
        epochs: How many there are.
        figures: By name.
    """
    shown = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    return f"epoch {epoch + 1}/{epochs}: {shown}"
