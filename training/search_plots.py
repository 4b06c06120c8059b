"""Pictures of a hyper-parameter search. Knows nothing of Optuna or MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended.

    Attributes:
        number: Of the trial, from 0.
        score: The best, or when it was stopped the last, that it reached on validation.
        pruned: Whether it was stopped early.
    """

    number: int
    score: float
    pruned: bool


def plot_history(outcomes: Sequence[Outcome]) -> Figure:
    """Draw every trial's score, and the best so far.

    Args:
        outcomes: In the order of the trials.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for pruned, colour, label in ((False, "tab:blue", "finished"), (True, "tab:gray", "stopped early")):
        some = [outcome for outcome in outcomes if outcome.pruned is pruned]
        axes.scatter([one.number for one in some], [one.score for one in some], color=colour, label=label)
    finished = [outcome for outcome in outcomes if not outcome.pruned]
    best = np.maximum.accumulate([outcome.score for outcome in finished])
    axes.step([outcome.number for outcome in finished], best, where="post", label="best so far")
    axes.set(xlabel="trial", ylabel="selection score on validation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def plot_importances(importances: Mapping[str, float]) -> Figure:
    """Draw how much each setting decides, the most important on top.

    Args:
        importances: Shares by the setting's name.
    """
    ordered = sorted(importances.items(), key=lambda item: item[1])
    figure = Figure(figsize=(7, 1 + 0.4 * len(ordered)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([name for name, _ in ordered], [share for _, share in ordered])
    axes.set(xlabel="share of the scores' variance that it explains (fANOVA)")
    return figure
