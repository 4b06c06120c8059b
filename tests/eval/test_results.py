from __future__ import annotations

from pathlib import Path

import pytest

from eval.errors import ResultsError
from eval.output_folder import write_output
from eval.results import RESULTS, EvaluationResults, read_results
from tests.eval.made import results


def test_results_survive_being_written_and_read(tmp_path: Path) -> None:
    made = results()
    write_output(tmp_path / "out", {RESULTS: made.model_dump_json().encode()})
    assert read_results(tmp_path / "out") == made


def test_summaries_hold_overall_and_per_label_figures_of_each_slice() -> None:
    made = results()
    first, second = made.summaries()
    assert (first.slice, second.slice) == ("unambiguous", "all")
    metrics = {figure.metric for figure in first.figures}
    assert metrics >= {"macro_f1", "ece", "f1[complaint]", "urgency_recall[low]"}
    assert first.data_sha256 == made.data.sha256
    assert first.command == made.command


def test_a_figure_without_interval_is_not_summarized() -> None:
    made = results()
    withheld = {
        figure.metric
        for row in made.primary.categories
        for figure in (row.precision, row.recall, row.f1)
        if figure and figure.low is None
    }
    assert withheld
    assert not withheld & {figure.metric for figure in made.summaries()[0].figures}


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 2}'])
def test_results_of_another_schema_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / RESULTS).write_text(content, encoding="utf-8")
    with pytest.raises(ResultsError, match="not what this version reads"):
        read_results(tmp_path)


def test_the_json_schema_can_be_published() -> None:
    assert "schema_version" in EvaluationResults.model_json_schema()["properties"]
