"""Only what passes the gates becomes the champion, and the registry itself remembers who did what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from registry.errors import PromotionError
from registry.promotion import Asked, Ruling, promote, roll_back
from registry.push import push
from registry.reference import CHALLENGER, CHAMPION, Reference
from registry.store import Registered, Registry
from tests.registry.conftest import silent, tiny

ANNA = Asked("anna", "fewer missed leaks", "abc123")


class FixedJudge:
    """A judge that says what it was told to say."""

    def __init__(self, folder: Path, verdict: str = "pass", *reasons: str) -> None:
        self.asked: list[tuple[int | None, int]] = []
        report = folder / "report.html"
        report.write_text("<p>fine</p>")
        self._ruling = Ruling(verdict, reasons, "smoke", (report,))

    def __call__(self, champion: Registered | None, challenger: Registered) -> Ruling:
        self.asked.append((champion.number if champion else None, challenger.number))
        return self._ruling


@pytest.fixture
def registry(request: pytest.FixtureRequest, uri: str, tmp_path: Path) -> Registry:
    """A registry of this test's own, with three versions."""
    registry = Registry(uri, request.node.name)
    for number in ("1", "2", "3"):
        push(tiny(tmp_path, number), registry, silent)
    return registry


def champion_of(registry: Registry) -> int | None:
    found = registry.alias(CHAMPION)
    return found.number if found else None


def test_a_challenger_that_passes_becomes_the_champion_and_the_history_says_why(
    registry: Registry, tmp_path: Path
) -> None:
    judge = FixedJudge(tmp_path)
    entry = promote(registry, Reference(registry.name, CHALLENGER), judge, ANNA, force=False)
    assert judge.asked == [(None, 3)]
    assert champion_of(registry) == 3
    assert registry.alias(CHALLENGER) is None
    (kept,), broken = registry.history()
    assert kept == entry
    assert broken == ()
    assert (kept.action, kept.who, kept.reason, kept.git_commit) == ("promoted", "anna", "fewer missed leaks", "abc123")
    assert kept.after.model == "tiny 3"
    assert kept.report is not None
    assert kept.report.startswith("runs:/")


def test_a_challenger_that_fails_moves_nothing_and_the_attempt_is_remembered(
    registry: Registry, tmp_path: Path
) -> None:
    promote(registry, Reference(registry.name, number=1), FixedJudge(tmp_path), ANNA, force=False)
    for verdict in ("fail", "cannot judge"):
        judge = FixedJudge(tmp_path, verdict, "leaks are missed")
        entry = promote(registry, Reference(registry.name, CHALLENGER), judge, ANNA, force=False)
        assert not entry.moved
        assert judge.asked == [(1, 3)]
    assert champion_of(registry) == 1
    assert [one.number for one in registry.versions() if CHALLENGER in one.aliases] == [3]
    assert [one.action for one in registry.history()[0]] == ["promoted", "refused", "refused"]
    assert registry.history()[0][1].failures == ("leaks are missed",)


def test_force_needs_a_reason_and_is_recorded(registry: Registry, tmp_path: Path) -> None:
    judge = FixedJudge(tmp_path, "fail", "leaks are missed")
    three = Reference(registry.name, number=3)
    with pytest.raises(PromotionError, match="needs --reason"):
        promote(registry, three, judge, replace(ANNA, reason=""), force=True)
    assert champion_of(registry) is None
    entry = promote(registry, three, judge, ANNA, force=True)
    assert (entry.action, entry.failures) == ("forced", ("leaks are missed",))
    assert champion_of(registry) == 3
    with pytest.raises(PromotionError, match="is the champion already"):
        promote(registry, three, judge, ANNA, force=True)


def test_rollbacks_go_back_step_by_step_and_need_a_reason(registry: Registry, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        promote(registry, Reference(registry.name, number=number), FixedJudge(tmp_path), ANNA, force=False)
    with pytest.raises(PromotionError, match="needs --reason"):
        roll_back(registry, replace(ANNA, reason=""))
    roll_back(registry, ANNA)
    assert champion_of(registry) == 2
    roll_back(registry, ANNA)
    assert champion_of(registry) == 1
    with pytest.raises(PromotionError, match="no champion from before"):
        roll_back(registry, ANNA)
    promote(registry, Reference(registry.name, number=3), FixedJudge(tmp_path), ANNA, force=False)
    roll_back(registry, ANNA)
    assert champion_of(registry) == 1
    said = [
        (one.action, one.before.version if one.before else None, one.after.version) for one in registry.history()[0]
    ]
    assert said == [
        ("promoted", None, 1),
        ("promoted", 1, 2),
        ("promoted", 2, 3),
        ("rolled back", 3, 2),
        ("rolled back", 2, 1),
        ("promoted", 1, 3),
        ("rolled back", 3, 1),
    ]


def test_an_alias_moved_by_hand_is_noticed_before_a_rollback(registry: Registry, tmp_path: Path) -> None:
    for number in (1, 2):
        promote(registry, Reference(registry.name, number=number), FixedJudge(tmp_path), ANNA, force=False)
    registry.move(CHAMPION, registry.find(Reference(registry.name, number=3)))
    with pytest.raises(PromotionError, match="moved the alias by hand"):
        roll_back(registry, ANNA)
    promote(registry, Reference(registry.name, number=1), FixedJudge(tmp_path), ANNA, force=False)
    roll_back(registry, ANNA)
    assert champion_of(registry) == 3
