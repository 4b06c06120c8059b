from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from earshot.__main__ import main
from earshot.bundle import Bundle
from eval.results import JUNIT, PREDICTIONS, REPORT, RESULTS, SUMMARY, read_results
from eval.suite import DATA_VARIABLE
from tests.eval.contract_server import Answer, ContractServer
from tests.eval.data import rows, write_jsonl
from tests.tiny import write_tiny_bundle


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "posts.jsonl", rows())


def _call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def _run(model: Path | str, suite: Path | str, output: Path, *more: str) -> int:
    return _call("eval", "run", "--model", model, "--suite", suite, "-o", output, "--resamples", "100", *more)


def _refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    """One clear line on standard error, and exit code 2."""
    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def _only_data_in(folder: Path) -> bool:
    return [path.name for path in folder.iterdir()] == ["posts.jsonl"]


def test_a_run_writes_results_report_and_predictions(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tiny_folder, data, tmp_path / "out", "--seed", "5") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [JUNIT, PREDICTIONS, REPORT, RESULTS, SUMMARY]
    results = read_results(tmp_path / "out")
    assert results.model.digest == Bundle.load(tiny_folder).identity.digest
    assert (results.seed, results.resamples) == (5, 100)
    assert [(found.name, found.n) for found in results.slices] == [("unambiguous", 12), ("all", 14)]
    assert "--seed 5 --resamples 100" in results.command
    captured = capsys.readouterr()
    assert "macro-F1" in captured.out
    assert "95% interval" in captured.out
    assert "12 posts" in captured.out
    assert captured.err == ""


def test_no_text_is_in_results_or_predictions_but_in_the_report(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, data, tmp_path / "out")
    texts = [row["text"] for row in rows()]
    for name in (RESULTS, PREDICTIONS):
        content = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert not any(text in content for text in texts)
    assert "they crashes my party but I smile" in (tmp_path / "out" / REPORT).read_text(encoding="utf-8")


def test_predictions_name_row_id_hash_gold_and_prediction(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, data, tmp_path / "out")
    lines = (tmp_path / "out" / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [record["row"] for record in records] == list(range(1, 15))
    assert records[5]["id"] == "p5"
    assert records[5]["gold"] == {"category": "billing", "secondary": [], "urgency": "high", "ambiguous": False}
    assert records[5]["prediction"]["category"] == "billing"
    assert len(records[5]["text_sha256"]) == 64


def test_the_same_seed_gives_the_same_results(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    for name in ("one", "two"):
        _run(tiny_folder, data, tmp_path / name)
    one, two = (read_results(tmp_path / name) for name in ("one", "two"))
    assert one.model_copy(update={"command": "", "created_at": ""}) == two.model_copy(
        update={"command": "", "created_at": ""}
    )


def test_a_running_service_gets_the_same_figures_as_its_bundle(
    tmp_path: Path, data: Path, tiny_folder: Path, server: ContractServer
) -> None:
    assert _run(tiny_folder, data, tmp_path / "local") == 0
    assert _run(server.url, data, tmp_path / "remote") == 0
    local, remote = read_results(tmp_path / "local"), read_results(tmp_path / "remote")
    assert local.slices == remote.slices
    assert local.model.model_copy(update={"target": ""}) == remote.model.model_copy(update={"target": ""})
    assert (tmp_path / "local" / PREDICTIONS).read_bytes() == (tmp_path / "remote" / PREDICTIONS).read_bytes()


def test_a_service_that_is_gone_midway_leaves_no_results(
    tmp_path: Path, data: Path, server: ContractServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.instead = [Answer(200, {"results": "nonsense"})]
    assert "unusable" in _refused(capsys, _run(server.url, data, tmp_path / "out"))
    assert _only_data_in(tmp_path)


def test_credentials_in_an_address_are_not_recorded(tmp_path: Path, data: Path, server: ContractServer) -> None:
    assert _run(server.url.replace("//", "//me:hunter2@"), data, tmp_path / "out") == 0
    for path in (tmp_path / "out").iterdir():
        assert "hunter2" not in path.read_text(encoding="utf-8")


def test_csv_with_other_column_names(tmp_path: Path, tiny_folder: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("body,label\nwhere is my refund,billing\nit leaked,leak\n", encoding="utf-8")
    columns = ("--column", "text=body", "--column", "category=label")
    assert _run(tiny_folder, path, tmp_path / "out", *columns) == 0
    results = read_results(tmp_path / "out")
    assert results.primary.n == 2
    assert "--column text=body" in results.command


def test_a_wrong_column_is_named(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = _refused(capsys, _run(tiny_folder, data, tmp_path / "out", "--column", "text=body"))
    assert "'body'" in line
    assert _only_data_in(tmp_path)


def test_a_column_option_without_a_name_is_refused(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "OURS=THEIRS" in _refused(capsys, _run(tiny_folder, data, tmp_path / "out", "--column", "text"))


def test_a_broken_line_is_named(tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_jsonl(tmp_path / "posts.jsonl", rows())
    data.write_text(data.read_text(encoding="utf-8") + '{"text": "half', encoding="utf-8")
    assert "row 15: not JSON" in _refused(capsys, _run(tiny_folder, data, tmp_path / "out"))
    assert _only_data_in(tmp_path)


def test_an_unknown_category_is_named_with_row_and_column(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_jsonl(tmp_path / "posts.jsonl", [*rows(), {"text": "secret words", "category": "spam"}])
    line = _refused(capsys, _run(tiny_folder, data, tmp_path / "out"))
    assert "row 15, column 'category': unknown category 'spam'" in line
    assert "secret" not in line
    assert _only_data_in(tmp_path)


def test_bad_rows_that_are_skipped_are_counted(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_jsonl(tmp_path / "posts.jsonl", [*rows(), {"text": "x y", "category": "spam", "urgency": "never"}])
    assert _run(tiny_folder, data, tmp_path / "out", "--skip-bad-rows") == 0
    assert read_results(tmp_path / "out").data.skipped_rows == 1
    assert "left out: 1." in capsys.readouterr().out


def test_missing_data_says_what_to_set(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text('name = "mine"\ndata = "away/posts.jsonl"\n', encoding="utf-8")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    line = _refused(capsys, _run(tiny_folder, suite, tmp_path / "out"))
    assert f"set {DATA_VARIABLE}" in line
    assert "nowhere" in line


def test_the_data_root_may_come_from_the_environment(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    write_jsonl(tmp_path / "root" / "posts.jsonl", rows())
    suite = tmp_path / "mine.toml"
    suite.write_text('name = "mine"\ndata = "posts.jsonl"\nevery = 2\n', encoding="utf-8")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "root"))
    assert _run(tiny_folder, suite, tmp_path / "out") == 0
    results = read_results(tmp_path / "out")
    assert (results.suite.name, results.data.posts, results.data.judged) == ("mine", 14, 7)


def test_a_missing_bundle_is_named(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no bundle" in _refused(capsys, _run(tmp_path / "none", data, tmp_path / "out"))
    assert _only_data_in(tmp_path)


def test_a_folder_that_holds_something_else_is_not_written_to(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    assert "name another folder" in _refused(capsys, _run(tiny_folder, data, tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_earlier_results_are_replaced(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    assert _run(tiny_folder, data, tmp_path / "out", "--seed", "1") == 0
    assert _run(tiny_folder, data, tmp_path / "out", "--seed", "2") == 0
    assert read_results(tmp_path / "out").seed == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "posts.jsonl"]


def test_list_names_each_suite_and_where_its_data_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "benchmark.jsonl").touch()
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    assert _call("eval", "list") == 0
    out = capsys.readouterr().out
    assert f"  data: {tmp_path / 'posts' / 'benchmark.jsonl'}\n" in out
    assert "smoke" in out


def test_list_says_what_to_set_where_data_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.__main__.data_roots", lambda chosen: (tmp_path,))
    assert _call("eval", "list") == 0
    assert f"  data: missing; set {DATA_VARIABLE} to the folder that holds authored.jsonl" in capsys.readouterr().out


def test_the_card_gets_what_was_found_and_the_digest_stays(
    tmp_path: Path, data: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(tiny_bundle.folder, data, tmp_path / "out")
    card = tmp_path / "card.md"
    assert _call("eval", "card", "--model", tiny_bundle.folder, "--results", tmp_path / "out", "-o", card) == 0
    updated = Bundle.load(tiny_bundle.folder)
    assert updated.identity == tiny_bundle.identity
    assert [(found.suite, found.slice, found.n) for found in updated.manifest.evaluation] == [
        ("posts", "unambiguous", 12),
        ("posts", "all", 14),
    ]
    assert card.read_bytes() == (updated.folder / "model_card.md").read_bytes()
    assert "Suite `posts`, slice `unambiguous`, 12 posts" in card.read_text(encoding="utf-8")


def test_several_results_go_into_one_card(tmp_path: Path, data: Path, tiny_bundle: Bundle) -> None:
    other = write_jsonl(tmp_path / "other.jsonl", rows()[:5])
    _run(tiny_bundle.folder, data, tmp_path / "one")
    _run(tiny_bundle.folder, other, tmp_path / "two")
    assert _call("eval", "card", "--model", tiny_bundle.folder, "--results", tmp_path / "one", tmp_path / "two") == 0
    suites = [found.suite for found in Bundle.load(tiny_bundle.folder).manifest.evaluation]
    assert suites == ["posts", "posts", "other"]


def test_results_of_another_bundle_are_refused(
    tmp_path: Path, data: Path, tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_tiny_bundle(tmp_path / "other", version="2")
    _run(other.folder, data, tmp_path / "out")
    capsys.readouterr()
    before = (tiny_bundle.folder / "manifest.json").read_bytes()
    line = _refused(capsys, _call("eval", "card", "--model", tiny_bundle.folder, "--results", tmp_path / "out"))
    assert other.identity.digest[:19] in line
    assert tiny_bundle.identity.digest[:19] in line
    assert (tiny_bundle.folder / "manifest.json").read_bytes() == before


def test_a_folder_without_results_is_refused(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no results" in _refused(capsys, _call("eval", "card", "--model", tiny_folder, "--results", tmp_path))


def _suite_with(tmp_path: Path, gate: str) -> Path:
    suite = tmp_path / "mine.toml"
    suite.write_text(f'name = "mine"\ndata = "posts.jsonl"\n[[gates]]\n{gate}\n', encoding="utf-8")
    return suite


def test_a_gate_that_passes_exits_0_and_is_written_for_ci(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = _suite_with(tmp_path, 'kind = "limit"\nmetric = "accuracy"\nat_least = 0.5\nmin_n = 10')
    assert _run(tiny_folder, suite, tmp_path / "out") == 0
    assert "verdict: pass" in capsys.readouterr().out
    assert read_results(tmp_path / "out").verdict == "pass"
    assert "accuracy at least 0.5" in (tmp_path / "out" / JUNIT).read_text(encoding="utf-8")
    assert (tmp_path / "out" / SUMMARY).read_text(encoding="utf-8").startswith("## ✅ **pass**")


def test_a_gate_that_fails_exits_1_and_the_results_are_there(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = _suite_with(tmp_path, 'kind = "limit"\nmetric = "accuracy"\nat_least = 1.0\nmin_n = 10')
    assert _run(tiny_folder, suite, tmp_path / "out") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("earshot: fail: ")
    assert read_results(tmp_path / "out").verdict == "fail"


def test_a_gate_that_the_sample_cannot_bear_exits_2(tmp_path: Path, data: Path, tiny_folder: Path) -> None:
    suite = _suite_with(tmp_path, 'kind = "limit"\nmetric = "accuracy"\nat_least = 0.5')
    assert _run(tiny_folder, suite, tmp_path / "out") == 2
    assert read_results(tmp_path / "out").verdict == "cannot judge"


def test_a_duplicate_id_is_named_counted_and_cannot_be_judged(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_jsonl(tmp_path / "posts.jsonl", [*rows(), rows()[3]])
    assert _run(tiny_folder, data, tmp_path / "out") == 2
    assert "problem: posts.jsonl holds 1 ids more than once" in capsys.readouterr().out
    (problem,) = read_results(tmp_path / "out").problems
    assert (problem.kind, problem.examples) == ("duplicate-id", ("p3",))


def test_rows_left_out_forbid_a_gate_to_judge(tmp_path: Path, tiny_folder: Path) -> None:
    write_jsonl(tmp_path / "posts.jsonl", [*rows(), {"text": "x y", "category": "spam"}])
    suite = _suite_with(tmp_path, 'kind = "limit"\nmetric = "accuracy"\nat_least = 0.1\nmin_n = 1')
    assert _run(tiny_folder, suite, tmp_path / "out", "--skip-bad-rows") == 2
    assert [one.kind for one in read_results(tmp_path / "out").problems] == ["skipped-row"]


def test_a_gate_that_asks_nonsense_is_refused_with_its_place(
    tmp_path: Path, data: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = _suite_with(tmp_path, 'kind = "limit"\nmetric = "accuracy"')
    line = _refused(capsys, _run(tiny_folder, suite, tmp_path / "out"))
    assert "gates.0" in line
    assert "exactly one of at_least and at_most" in line
