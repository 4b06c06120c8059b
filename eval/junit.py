"""Gates as JUnit XML, which every CI shows: a test case per gate; what cannot be judged is an error, not a failure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from eval.verdict import GateOutcome, Problem, Verdict

_ELEMENTS = {"fail": "failure", "cannot judge": "error"}


def junit(suite: str, outcomes: Sequence[GateOutcome], problems: Sequence[Problem]) -> bytes:
    """Write the XML.

    Args:
        suite: What was judged on what, as the test suite's name.
        outcomes: Of the gates; one that is not required is skipped where it does not pass.
        problems: Each is an error of its own.
    """
    root = ElementTree.Element("testsuites")
    body = ElementTree.SubElement(root, "testsuite", name=suite)
    for one in problems:
        _case(body, suite, one.kind, "cannot judge", str(one))
    for outcome in outcomes:
        case = _case(body, suite, outcome.name, outcome.verdict if outcome.required else "pass", outcome.says)
        if not outcome.required and outcome.verdict != "pass":
            ElementTree.SubElement(case, "skipped", message=f"{outcome.verdict}: {outcome.says} (not required)")
    counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error", "skipped": "*/skipped"}
    for name, path in counts.items():
        body.set(name, str(len(body.findall(path))))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'.encode()


def _case(body: ElementTree.Element, suite: str, name: str, verdict: Verdict, says: str) -> ElementTree.Element:
    case = ElementTree.SubElement(body, "testcase", classname=suite, name=name)
    if verdict in _ELEMENTS:
        ElementTree.SubElement(case, _ELEMENTS[verdict], message=says).text = says
    else:
        ElementTree.SubElement(case, "system-out").text = says
    return case
