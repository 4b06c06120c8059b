"""What the README shows is what the embedded model and the commands do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from earshot.bundle import Bundle
from earshot.model_card import render_card
from earshot.pipeline import Pipeline
from service.settings import Settings
from tests.service.conftest import serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN_DIGITS = 0.005


def _close(shown: object, true: object) -> bool:
    """Whether an answer is as shown, numbers to the digits that are shown."""
    if isinstance(shown, dict) and isinstance(true, dict):
        return shown.keys() == true.keys() and all(_close(shown[key], true[key]) for key in shown)
    if isinstance(shown, list) and isinstance(true, list):
        return len(shown) == len(true) and all(map(_close, shown, true))
    if isinstance(shown, float):
        return shown == pytest.approx(true, abs=SHOWN_DIGITS)
    return shown == true


def test_the_answer_shown_is_the_true_one() -> None:
    request = re.search(r"/v1/classify -d '(.*?)'\n```", README, re.DOTALL)
    answer = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert request is not None
    assert answer is not None
    with serving(Settings(), Pipeline.load) as client:
        true = client.post("/v1/classify", content=request[1]).json()
    shown = json.loads(answer[1])
    assert shown["model"]["name"] == true["model"]["name"]
    assert true["model"]["digest"].startswith(shown["model"]["digest"].rstrip("…"))
    assert _close(shown["results"], true["results"]), json.dumps(true, indent=1)


def test_every_link_leads_to_a_file() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_make_targets_shown_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_the_model_cards_are_written_from_the_manifest() -> None:
    bundle = Bundle.load()
    card = render_card(bundle.manifest)
    assert (bundle.folder / "model_card.md").read_text(encoding="utf-8") == card
    assert (ROOT / "model_card.md").read_text(encoding="utf-8") == card


def test_the_figures_shown_are_those_of_the_manifest() -> None:
    shown = dict(re.findall(r"^\| ([a-zA-Z0-9 ,-]+?) \| ([0-9.]+) ", README, re.MULTILINE))
    evaluation = next(summary for summary in Bundle.load().manifest.evaluation if summary.slice == "unambiguous")
    figures = {figure.metric: figure.value for figure in evaluation.figures}
    named = {
        "category macro-F1": "macro_f1",
        "urgency quadratic kappa": "urgency_quadratic_kappa",
        "expected calibration error": "ece",
    }
    assert named.keys() <= shown.keys()
    for name, metric in named.items():
        assert float(shown[name]) == pytest.approx(figures[metric], abs=0.0005), name
