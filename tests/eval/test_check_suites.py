from __future__ import annotations

import json
from pathlib import Path

import pytest

from earshot.__main__ import main
from earshot.bundle import Bundle
from eval.comparison import read_comparison
from eval.results import PREDICTIONS, REPORT, RESULTS, SUMMARY, read_results
from tests.eval.data import rows, write_jsonl

TESTS = """
capability = "money"
[[tests]]
name = "refunds are billing"
kind = "minimum"
posts = ["where is my refund", "my refund {when}"]
words.when = ["today", "please add"]
expect = { category = "billing" }

[[tests]]
name = "a danger raises urgency"
kind = "directional"
posts = ["my refund"]
append = [" was stolen", " was odd"]
expect = { same_category = true, urgency_change = "higher" }
"""


def _call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def _run(model: Path, suite: Path, output: Path) -> int:
    return _call("eval", "run", "--model", model, "--suite", suite, "-o", output)


@pytest.fixture
def behaviour(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "money.toml").write_text(TESTS, encoding="utf-8")
    suite = tmp_path / "mine.toml"
    suite.write_text('name = "mine"\nkind = "behaviour"\ndata = "tests"\n', encoding="utf-8")
    return suite


def _with_gate(suite: Path, gate: str) -> Path:
    suite.write_text(suite.read_text(encoding="utf-8") + f"[[gates]]\n{gate}\n", encoding="utf-8")
    return suite


def test_behaviour_tests_are_judged_case_by_case(
    tmp_path: Path, behaviour: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tiny_folder, behaviour, tmp_path / "out") == 0
    found = read_results(tmp_path / "out")
    assert [(check.name, check.passed, check.n) for check in found.checks] == [
        ("refunds are billing", 2, 3),
        ("a danger raises urgency", 1, 2),
    ]
    assert [group.name for group in found.check_groups] == ["all", "minimum functionality", "directional", "money"]
    assert found.checks[0].failures[0].says == ("category feature-request, expected billing",)
    assert "refunds are billing" in capsys.readouterr().out


def test_failures_are_shown_with_post_and_scores_in_the_report_alone(
    tmp_path: Path, behaviour: Path, tiny_folder: Path
) -> None:
    _run(tiny_folder, behaviour, tmp_path / "out")
    report = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "my refund please add" in report
    assert "category feature-request, expected billing" in report
    assert "feature-request at 0." in report
    for name in (RESULTS, PREDICTIONS, SUMMARY):
        assert "my refund" not in (tmp_path / "out" / name).read_text(encoding="utf-8")


def test_every_case_is_recorded_with_its_prediction(tmp_path: Path, behaviour: Path, tiny_folder: Path) -> None:
    _run(tiny_folder, behaviour, tmp_path / "out")
    lines = (tmp_path / "out" / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) == 5
    assert records[3]["slices"] == ["all", "directional", "money", "a danger raises urgency"]
    assert records[3]["base_prediction"]["urgency"] == "low"


@pytest.mark.parametrize(("floor", "code"), [(0.5, 0), (0.9, 1)])
def test_gates_ask_for_pass_rates_of_kinds_and_tests(
    tmp_path: Path, behaviour: Path, tiny_folder: Path, floor: float, code: int
) -> None:
    gate = f'kind = "limit"\nmetric = "pass_rate"\nslice = "directional"\nmin_n = 1\nat_least = {floor}'
    assert _run(tiny_folder, _with_gate(behaviour, gate), tmp_path / "out") == code


def test_a_gate_that_is_not_required_is_reported_and_refuses_nothing(
    tmp_path: Path, behaviour: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = 'kind = "limit"\nmetric = "pass_rate"\nslice = "all"\nmin_n = 1\nat_least = 1.0\nrequired = false'
    assert _run(tiny_folder, _with_gate(behaviour, gate), tmp_path / "out") == 0
    assert "(not required)" in capsys.readouterr().out
    assert read_results(tmp_path / "out").verdict is None


def test_pass_rates_go_into_the_model_card(tmp_path: Path, behaviour: Path, tiny_bundle: Bundle) -> None:
    _run(tiny_bundle.folder, behaviour, tmp_path / "out")
    assert _call("eval", "card", "--model", tiny_bundle.folder, "--results", tmp_path / "out") == 0
    card = (tiny_bundle.folder / "model_card.md").read_text(encoding="utf-8")
    assert "### Suite `mine`, slice `all`, 5 cases" in card
    assert "| pass rate | 0.600 |" in card
    assert "| `minimum functionality` | 0.667 (" in card


def test_perturbed_posts_are_held_to_themselves(tmp_path: Path, tiny_folder: Path) -> None:
    write_jsonl(tmp_path / "posts.jsonl", rows())
    suite = tmp_path / "mine.toml"
    names = '["capitals", "missing_letters"]'
    suite.write_text(
        f'name = "mine"\nkind = "robustness"\ndata = "posts.jsonl"\nperturbations = {names}\n', encoding="utf-8"
    )
    assert _run(tiny_folder, suite, tmp_path / "out") == 0
    capitals, missing = read_results(tmp_path / "out").checks
    assert (capitals.passed, capitals.n) == (14, 14)
    assert missing.passed < missing.n
    (summary,) = read_results(tmp_path / "out").summaries()
    metrics = [figure.metric for figure in summary.figures]
    assert metrics == ["pass_rate", "pass_rate[capitals]", "pass_rate[missing_letters]"]
    for check in (capitals, missing):
        before, after = check.figure("unperturbed_accuracy"), check.figure("perturbed_accuracy")
        assert before is not None and after is not None
        assert (before.value == after.value) is (check is capitals)


def test_an_unknown_perturbation_is_named(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "posts.jsonl", rows())
    suite = tmp_path / "mine.toml"
    suite.write_text(
        'name = "mine"\nkind = "robustness"\ndata = "posts.jsonl"\nperturbations = ["upside_down"]\n', encoding="utf-8"
    )
    assert _run(tiny_folder, suite, tmp_path / "out") == 2
    assert "unknown perturbation 'upside_down'" in capsys.readouterr().err


def test_two_models_are_compared_case_by_case(
    tmp_path: Path, behaviour: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("champion", "challenger"):
        _run(tiny_folder, behaviour, tmp_path / name)
    path = tmp_path / "challenger" / PREDICTIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps({**line, "passed": False}) + "\n" for line in lines), encoding="utf-8")
    capsys.readouterr()
    assert _call("eval", "compare", tmp_path / "champion", tmp_path / "challenger", "-o", tmp_path / "out") == 0
    found = read_comparison(tmp_path / "out")
    assert found.mcnemar is not None
    assert (found.n, found.mcnemar.champion_only, found.mcnemar.challenger_only) == (5, 3, 0)
    assert [(flip.scale, flip.direction, flip.challenger) for flip in found.flips] == [("case", "broken", "fails")] * 3
    slices = [(one.name, one.n) for one in found.slices]
    assert slices == [("minimum functionality", 3), ("directional", 2), ("money", 5)]
    assert "3 cases held with the champion" in (tmp_path / "out" / REPORT).read_text(encoding="utf-8")


def test_a_model_that_holds_far_fewer_cases_is_refused(tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "tests.toml").write_text(
        'capability = "money"\n[[tests]]\nname = "refunds"\nkind = "minimum"\nposts = ["refund {n}"]\n'
        f"words.n = {[str(number) for number in range(25)]}\n"
        'expect = { category = "billing" }\n',
        encoding="utf-8",
    )
    suite = tmp_path / "mine.toml"
    suite.write_text('name = "mine"\nkind = "behaviour"\ndata = "tests.toml"\n', encoding="utf-8")
    for name in ("champion", "challenger"):
        _run(tiny_folder, suite, tmp_path / name)
    path = tmp_path / "challenger" / PREDICTIONS
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    spoiled = [{**line, "passed": index >= 8} for index, line in enumerate(lines)]
    path.write_text("".join(json.dumps(line) + "\n" for line in spoiled), encoding="utf-8")
    assert _call("eval", "compare", tmp_path / "champion", tmp_path / "challenger") == 1
    assert _call("eval", "compare", tmp_path / "challenger", tmp_path / "champion") == 0


def test_other_tests_cannot_be_compared(
    tmp_path: Path, behaviour: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(tiny_folder, behaviour, tmp_path / "champion")
    tests = tmp_path / "tests" / "money.toml"
    tests.write_text(tests.read_text(encoding="utf-8").replace("where is", "where was"), encoding="utf-8")
    _run(tiny_folder, behaviour, tmp_path / "challenger")
    capsys.readouterr()
    assert _call("eval", "compare", tmp_path / "champion", tmp_path / "challenger") == 2
    assert "2 cases are not the same" in capsys.readouterr().err
