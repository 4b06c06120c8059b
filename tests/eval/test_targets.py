"""The same model, however it is reached, gets the same results; what is broken on the way is named and not judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from earshot.__main__ import main
from earshot.pipeline import Pipeline
from eval.errors import ResultsError
from eval.results import PREDICTIONS, RESULTS, EvaluationResults, read_results
from eval.targets import open_target
from service.settings import Settings
from tests.eval.contract_server import Answer, ContractServer
from tests.eval.data import rows, write_jsonl
from tests.service.running import running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "posts.jsonl", rows())


def _many(copies: int) -> list[dict[str, Any]]:
    """The posts so many times over, each with an id and a text of its own."""
    numbered = [(row, copy) for copy in range(copies) for row in rows()]
    return [{**row, "id": f"{row['id']}-{copy}", "text": f"{row['text']} {copy}"} for row, copy in numbered]


def _call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def _run(model: Path | str, data: Path, output: Path, *more: str | Path) -> int:
    return _call("eval", "run", "--model", model, "--suite", data, "-o", output, "--resamples", "100", *more)


def _said(folder: Path) -> dict[str, Any]:
    """The results file, but for when and how it was asked for."""
    content: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    for name in ("command", "created_at"):
        del content[name]
    del content["model"]["target"]
    return content


def test_bundle_service_and_recorded_predictions_give_identical_results(
    tmp_path: Path, data: Path, tiny_folder: Path, server: ContractServer
) -> None:
    assert _run(tiny_folder, data, tmp_path / "bundle") == 0
    assert _run(server.url, data, tmp_path / "service") == 0
    assert _run(tmp_path / "bundle", data, tmp_path / "folder") == 0
    assert _run(tmp_path / "service" / PREDICTIONS, data, tmp_path / "file") == 0
    bundle = _said(tmp_path / "bundle")
    for other in ("service", "folder", "file"):
        assert _said(tmp_path / other) == bundle
        assert (tmp_path / other / PREDICTIONS).read_bytes() == (tmp_path / "bundle" / PREDICTIONS).read_bytes()


def test_the_real_service_gives_the_results_of_its_bundle(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    assert _run(tiny_folder, data, tmp_path / "bundle") == 0
    with running(Settings(), lambda: Pipeline.load(tiny_folder, threads=1)) as url:
        assert _run(url, data, tmp_path / "service") == 0
    assert _said(tmp_path / "service") == _said(tmp_path / "bundle")
    assert (tmp_path / "service" / PREDICTIONS).read_bytes() == (tmp_path / "bundle" / PREDICTIONS).read_bytes()


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_the_output_of_classify_is_judged_like_its_bundle(
    tmp_path: Path, data: Path, tiny_folder: Path, ending: str
) -> None:
    classified = tmp_path / f"classified{ending}"
    assert _call("classify", data, "-o", classified, "--model", tiny_folder) == 0
    assert _run(tiny_folder, data, tmp_path / "bundle") == 0
    assert _run(classified, data, tmp_path / "recorded") == 0
    bundle, recorded = read_results(tmp_path / "bundle"), read_results(tmp_path / "recorded")
    assert recorded.slices == bundle.slices
    assert recorded.model.name == "classified"


def test_a_post_that_was_not_recorded_is_named_counted_and_cannot_be_judged(
    tmp_path: Path, data: Path, tiny_folder: Path
) -> None:
    _run(tiny_folder, data, tmp_path / "bundle")
    path = tmp_path / "bundle" / PREDICTIONS
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[2:]), encoding="utf-8")
    assert _run(path, data, tmp_path / "out") == 2
    found = read_results(tmp_path / "out")
    assert [(one.kind, one.count, one.examples) for one in found.problems] == [("missing-prediction", 2, ("p0", "p1"))]
    assert (found.verdict, found.data.judged, found.primary.rejected) == ("cannot judge", 14, 2)


def test_records_that_contradict_each_other_cannot_be_judged(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, data, tmp_path / "bundle")
    path = tmp_path / "bundle" / PREDICTIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines.append({**lines[0], "id": "again", "prediction": {**lines[0]["prediction"], "category": "leak"}})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert _run(path, data, tmp_path / "out") == 2
    (problem,) = read_results(tmp_path / "out").problems
    assert (problem.kind, problem.examples) == ("contradicting-prediction", ("again",))


def test_a_service_that_fails_two_percent_of_the_calls_is_named_counted_and_cannot_be_judged(
    tmp_path: Path, server: ContractServer, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = _many(240)
    data = write_jsonl(tmp_path / "many.jsonl", many)
    server.fails_every = 50
    assert _run(server.url, data, tmp_path / "out") == 2
    found = read_results(tmp_path / "out")
    (problem,) = found.problems
    assert (problem.kind, problem.count) == ("server-error", 1)
    assert (found.verdict, found.data.judged, found.primary.rejected) == ("cannot judge", len(many), 0)
    assert "cannot judge" in capsys.readouterr().err
    assert _run(tiny_folder, data, tmp_path / "bundle") == 0
    assert read_results(tmp_path / "bundle").slices == found.slices


def test_a_post_that_no_retry_gets_an_answer_for_counts_as_wrong_and_is_named(
    tmp_path: Path, data: Path, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.predictors._FIRST_DELAY_S", 0.001)
    server.fails_on = "someone leaked"
    assert _run(server.url, data, tmp_path / "out") == 2
    found = read_results(tmp_path / "out")
    assert [(one.kind, one.count) for one in found.problems] == [("server-error", 8), ("no-answer", 1)]
    assert found.problems[1].examples == ("p10",)
    assert (found.primary.n, found.primary.rejected) == (12, 1)


def test_a_rerun_after_a_crash_asks_a_service_only_for_the_rest(
    tmp_path: Path, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = _many(40)
    data = write_jsonl(tmp_path / "many.jsonl", many)
    # The fifth request, the first of the second step, gets nonsense: the run ends there.
    proper = server.pipeline.predict
    asked: list[int] = []

    def until_it_breaks(posts: Any) -> Any:  # noqa: ANN401 - as the pipeline's
        asked.append(len(posts))
        return proper(posts) if len(asked) <= 4 else []

    monkeypatch.setattr(server.pipeline, "predict", until_it_breaks)
    assert _run(server.url, data, tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(server.pipeline, "predict", proper)
    server.batch_sizes.clear()
    assert _run(server.url, data, tmp_path / "out") == 0
    assert sum(server.batch_sizes) == len(many) - 256
    assert read_results(tmp_path / "out").data.judged == len(many)


def test_a_service_is_asked_anew_by_the_next_run_and_a_bundle_is_not(
    tmp_path: Path, data: Path, server: ContractServer, tiny_folder: Path, own_cache: Path
) -> None:
    for _ in range(2):
        assert _run(server.url, data, tmp_path / "out") == 0
    assert sum(server.batch_sizes) == 28
    assert list(own_cache.iterdir()) == []
    assert _run(tiny_folder, data, tmp_path / "out") == 0
    assert len(list(own_cache.iterdir())) == 1


def test_no_cache_keeps_nothing(tmp_path: Path, data: Path, tiny_folder: Path, own_cache: Path) -> None:
    assert _run(tiny_folder, data, tmp_path / "out", "--no-cache") == 0
    assert not own_cache.exists()


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert _run(tiny_folder, data, tmp_path / "out", "--cache", tmp_path / "file" / "cache") == 2
    assert "--no-cache" in capsys.readouterr().err


def test_a_scheme_that_nothing_fetches_is_named() -> None:
    with pytest.raises(ResultsError, match="nothing here fetches models by 'moon:'"), open_target("moon:/crater"):
        pass


def test_a_file_without_predictions_is_refused(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(data, data, tmp_path / "out") == 2
    assert "predicted_category" in capsys.readouterr().err


def test_results_of_a_later_schema_name_what_is_wrong(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, data, tmp_path / "out")
    content = json.loads((tmp_path / "out" / RESULTS).read_text(encoding="utf-8"))
    (tmp_path / "out" / RESULTS).write_text(json.dumps({**content, "schema_version": 99}), encoding="utf-8")
    with pytest.raises(ResultsError, match="schema_version"):
        read_results(tmp_path / "out")


def test_results_of_the_first_schema_are_still_read(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, data, tmp_path / "out")
    content = json.loads((tmp_path / "out" / RESULTS).read_text(encoding="utf-8"))
    for name in ("gates", "problems", "checks", "check_groups"):
        del content[name]
    del content["suite"]["gates"]
    for found in content["slices"]:
        del found["risk_coverage"]
        for row in (*found["categories"], *found["urgencies"]):
            del row["average_precision"]
    old = EvaluationResults.model_validate({**content, "schema_version": 1})
    assert old.primary.n == 12


def test_an_answer_that_is_no_json_ends_the_run(tmp_path: Path, data: Path, server: ContractServer) -> None:
    server.instead = [Answer(200, "nonsense")]
    assert _run(server.url, data, tmp_path / "out") == 2
