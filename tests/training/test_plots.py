from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from earshot.calibration import Scores
from earshot.taxonomy import Taxonomy
from training.dataset import NO_URGENCY, Dataset
from training.plots import RiskCoverage, plot_confusion, plot_risk_coverage

TAXONOMY = Taxonomy.default()


def _judged(confidence: list[float], right: list[bool]) -> tuple[Scores, Dataset]:
    """Posts whose first category has the confidence, and is right or not."""
    n = len(confidence)
    category = np.full((n, 6), 0.0)
    category[:, 0] = confidence
    category[:, 1] = 1 - category[:, 0]
    gold = np.where(right, 0, 1)
    data = Dataset([""] * n, gold, np.zeros((n, 6), np.float32), np.full(n, NO_URGENCY), np.zeros(n, bool))
    return Scores(category, np.zeros((n, 6)), None), data


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def test_the_curve_keeps_the_most_confident_posts_first() -> None:
    curve = RiskCoverage.of(*_judged([0.9, 0.6, 0.8, 0.7], [True, False, False, True]))
    assert curve.threshold == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])


def test_posts_of_equal_confidence_are_kept_or_not_together() -> None:
    curve = RiskCoverage.of(*_judged([0.9, 0.9, 0.6], [True, False, True]))
    assert curve.coverage == pytest.approx([2 / 3, 1])
    assert curve.risk == pytest.approx([1 / 2, 1 / 3])


@given(st.lists(st.tuples(st.floats(0.51, 1), st.booleans()), min_size=1, max_size=50))
def test_the_curve_ends_at_everything_with_the_overall_risk(posts: list[tuple[float, bool]]) -> None:
    confidence, right = [c for c, _ in posts], [r for _, r in posts]
    curve = RiskCoverage.of(*_judged(confidence, right))
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(1 - np.mean(right))
    assert (np.diff(curve.coverage) > 0).all()
    assert (np.diff(curve.threshold) < 0).all()


def test_the_pictures_can_be_drawn() -> None:
    scores, data = _judged([0.9, 0.6], [True, False])
    for figure in (plot_risk_coverage(RiskCoverage.of(scores, data), 0.7), plot_confusion(scores, data, TAXONOMY)):
        assert _png(figure).startswith(b"\x89PNG")
