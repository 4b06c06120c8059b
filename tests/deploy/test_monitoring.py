"""Dashboard and alert rules speak of metrics, labels and values that the service really has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from earshot.post import ReviewReason
from service.error_handlers import PROBLEM_KINDS
from service.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
BOARD = DEPLOY / "grafana" / "earshot.json"
PROMTOOL = shutil.which("promtool")

_OF_THE_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}
_OF_PROMETHEUS = {"up"}
_TARGET_LABELS = {"job", "instance"}
_KNOWN_VALUES = {
    "reason": {kind.name for kind in PROBLEM_KINDS.values()} | set(get_args(ReviewReason)),
    "outcome": {"predicted", "rejected", "failed", "switched", "unchanged", "refused", "rolled_back", "read"},
    "status": {"500"},
}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(BOARD.read_text())["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    for annotation in json.loads(BOARD.read_text())["annotations"]["list"]:
        yield annotation["expr"]
    yield from (rule["expr"] for rule in rules())


def known_labels() -> dict[str, set[str]]:
    """The labels of each name that a scrape holds."""
    labels: dict[str, set[str]] = {name: set() for name in _OF_THE_PROCESS | _OF_PROMETHEUS}
    for metric in Metrics().described:
        if metric.kind == "histogram":
            labels |= {f"{metric.name}_{part}": {*metric.labels, "le"} for part in ("bucket", "count", "sum")}
        else:
            labels[metric.name] = set(metric.labels)
    return labels


def names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:earshot|process|python)_\w+|\bup\b", expression))


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_name_label_and_value_is_one_of_the_services(expression: str) -> None:
    known = known_labels()
    assert names(expression)
    assert names(expression) <= known.keys()
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)\s*(?:=|=~|!=|!~)\s*"([^"]*)"', matchers):
            assert label in known[name] | _TARGET_LABELS, f"{name} has no label {label}"
            if label in _KNOWN_VALUES:
                assert value in _KNOWN_VALUES[label], f"{label} is never {value}"
    allowed = _TARGET_LABELS.union(*(known[name] for name in names(expression)))
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= allowed


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(names(target["expr"]) for panel in panels() for target in panel["targets"]))
    missing = {
        metric.name
        for metric in Metrics().described
        if not any(name.startswith(metric.name) for name in shown) and metric.name != "earshot_alive"
    }
    assert missing == set()


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    everything = json.loads(BOARD.read_text())["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        cells = {(place["x"] + column, place["y"] + line) for column in range(place["w"]) for line in range(place["h"])}
        assert max(column for column, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_says_what_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine: it comes with apt's package prometheus")
@pytest.mark.parametrize("check", [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]])
def test_prometheus_understands_the_rules_and_they_fire_when_they_should(check: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *check], cwd=DEPLOY / "prometheus", capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
