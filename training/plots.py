"""Pictures of a finished bundle on its validation split, for MLflow. Knows nothing of training or MLflow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from earshot.calibration import Scores
from earshot.taxonomy import Taxonomy
from training.dataset import Dataset

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The risk–coverage curve (El-Yaniv and Wiener 2010): what abstaining from the least confident posts buys.

    Attributes:
        threshold: `[points]`, confidence from which on posts are kept, falling.
        coverage: `[points]`, share of the posts that are kept, rising to 1.
        risk: `[points]`, share of errors among them.
    """

    threshold: Floats
    coverage: Floats
    risk: Floats

    @classmethod
    def of(cls, scores: Scores, data: Dataset) -> RiskCoverage:
        """Measure it: one point for each confidence that occurs.

        Args:
            scores: Calibrated scores of the posts of `data`, in order.
            data: At least one post.
        """
        confidence = scores.category.max(axis=1)
        wrong = scores.category.argmax(axis=1) != data.category
        order = np.argsort(-confidence, kind="stable")
        kept = np.arange(1, len(order) + 1)
        last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
        risk = np.cumsum(wrong[order]) / kept
        return cls(confidence[order][last_of_equals], (kept / len(order))[last_of_equals], risk[last_of_equals])

    def as_dict(self) -> dict[str, list[float]]:
        """For a JSON file."""
        return {
            "threshold": self.threshold.tolist(),
            "coverage": self.coverage.tolist(),
            "risk": self.risk.tolist(),
        }


def plot_risk_coverage(curve: RiskCoverage, min_confidence: float) -> Figure:
    """Draw the curve, with the coverage at the chosen threshold."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve.coverage, curve.risk)
    chosen = float(curve.coverage[curve.threshold >= min_confidence].max(initial=0.0))
    axes.axvline(chosen, linestyle="--", color="gray", label=f"confidence ≥ {min_confidence:.2f}: {chosen:.1%} kept")
    axes.set(xlabel="coverage: share of posts kept", ylabel="risk: share of errors among them", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def plot_confusion(scores: Scores, data: Dataset, taxonomy: Taxonomy) -> Figure:
    """Draw which category was predicted for which, as shares of the true one; counts only where they can be read."""
    names = taxonomy.category_names
    counts = confusion_matrix(data.category, scores.category.argmax(axis=1), labels=np.arange(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(20.0, max(4.0, 0.8 * len(names)))
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true")
    if len(names) <= 20:
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    return figure
