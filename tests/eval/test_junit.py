from __future__ import annotations

from xml.etree import ElementTree

from eval.junit import junit
from eval.verdict import GateOutcome, Problem, Verdict

SAYS = "0.5 < 0.6 & more"


def _outcome(verdict: Verdict, *, required: bool = True) -> GateOutcome:
    return GateOutcome(
        name=f"gate {verdict}", kind="limit", verdict=verdict, says="0.5 < 0.6 & more", required=required
    )


def _suite(*outcomes: GateOutcome, problems: tuple[Problem, ...] = ()) -> ElementTree.Element:
    body = ElementTree.fromstring(junit("m 1 on s", outcomes, problems)).find("testsuite")  # noqa: S314 - our own
    assert body is not None
    return body


def test_every_gate_is_a_test_case_and_counted() -> None:
    body = _suite(_outcome("pass"), _outcome("fail"), _outcome("cannot judge"))
    assert [case.get("name") for case in body] == ["gate pass", "gate fail", "gate cannot judge"]
    assert {name: body.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
    }


def test_a_failure_says_why() -> None:
    (failure,) = _suite(_outcome("fail")).iter("failure")
    assert failure.get("message") == failure.text == SAYS


def test_a_gate_that_is_not_required_is_skipped_where_it_does_not_pass() -> None:
    body = _suite(_outcome("fail", required=False))
    assert (body.get("failures"), body.get("skipped")) == ("0", "1")


def test_a_problem_is_an_error_of_its_own() -> None:
    body = _suite(_outcome("pass"), problems=(Problem(kind="duplicate-id", count=2, says="two", examples=("a", "b")),))
    (error,) = body.iter("error")
    assert error.text == "two (a, b)"
