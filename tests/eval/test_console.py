from __future__ import annotations

from eval.console import summary
from tests.eval.made import results


def test_every_figure_stands_with_its_interval_and_n() -> None:
    text = summary(results())
    assert "by-hand 1 (sha256:000000000000…) on made, slice unambiguous, 12 posts" in text
    accuracy = next(line for line in text.splitlines() if line.startswith("accuracy"))
    assert accuracy.split()[-1] == "12"
    assert "–" in accuracy
    assert all(name in text for name in ("macro-F1", "ECE", "Brier score", "review share", "feature-request"))


def test_what_a_reader_must_know_is_said() -> None:
    text = summary(results())
    assert "! Unusable rows of the data file that were left out: 2." in text
    assert "! Posts that the model gave no prediction for: 1; they count as wrong." in text
    assert "Fewer than 30 posts" in text
