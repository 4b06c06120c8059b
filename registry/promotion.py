"""Promote and roll back: gates first, then the history, then the aliases.

Knows nothing of MLflow or of how gates judge.

The history is written before the alias is moved: a kill in between leaves an entry that `earshot model show` names as
not carried out, rather than a champion that nobody knows the origin of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import PromotionError
from registry.history import Entry, champions, disagreement
from registry.reference import CHALLENGER, CHAMPION, Reference
from registry.store import Registered, Registry

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the gates say of a challenger.

    Attributes:
        verdict: `pass`, `fail` or `cannot judge`.
        reasons: What speaks against it, or for it.
        suite: On what it was judged.
        files: The report and what it rests on.
    """

    verdict: str
    reasons: tuple[str, ...]
    suite: str
    files: tuple[Path, ...]

    @property
    def passes(self) -> bool:
        """Whether the challenger may be promoted without force."""
        return self.verdict == "pass"


Judge = Callable[[Registered | None, Registered], Ruling]
"""Holds a challenger, the second, to the gates, and to the champion where there is one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a step, and why.

    Attributes:
        who: A person or a job.
        reason: In their words.
        git_commit: Of the working copy they are in.
    """

    who: str
    reason: str
    git_commit: str | None = None


def promote(registry: Registry, reference: Reference, judge: Judge, asked: Asked, *, force: bool) -> Entry:
    """Make a version the champion if the gates let it.

    Args:
        registry: The registered model.
        reference: Which version, usually the challenger.
        judge: The gates.
        asked: Who and why; a forced promotion needs a reason.
        force: Promote whatever the gates say; they are asked all the same, and the history says so.

    Returns:
        The new entry of the history; `refused` where the gates stopped it.

    Raises:
        PromotionError: It is the champion already, or force lacks a reason.
        RegistryError: MLflow cannot be reached, or there is no such version.
    """
    if force and not asked.reason:
        raise PromotionError("a promotion against the gates needs --reason")
    challenger, champion = registry.find(reference), registry.alias(CHAMPION)
    if champion is not None and champion.number == challenger.number:
        raise PromotionError(f"version {champion.number} is the champion already")
    ruling = judge(champion, challenger)
    refused = not ruling.passes and not force
    entry = Entry(
        who=asked.who,
        action="refused" if refused else "promoted" if ruling.passes else "forced",
        reason=asked.reason,
        before=None if champion is None else champion.place,
        after=challenger.place,
        verdict=ruling.verdict,
        failures=() if ruling.passes else ruling.reasons,
        suite=ruling.suite,
        git_commit=asked.git_commit,
    )
    entry = entry.model_copy(update={"report": registry.attach(challenger, entry, ruling.files)})
    registry.record(entry)
    if not refused:
        registry.move(CHAMPION, challenger)
        if CHALLENGER in challenger.aliases:
            registry.drop(CHALLENGER)
    return entry


def roll_back(registry: Registry, asked: Asked) -> Entry:
    """Make the previous champion the champion again, without asking the gates.

    Raises:
        PromotionError: There is no reason, no previous champion, or the history is not to be trusted.
        RegistryError: MLflow cannot be reached.
    """
    if not asked.reason:
        raise PromotionError("a rollback needs --reason")
    entries, _ = registry.history()
    champion = registry.alias(CHAMPION)
    if wrong := disagreement(entries, None if champion is None else champion.place):
        raise PromotionError(f"{wrong}; say which version is meant by 'earshot model promote VERSION'")
    stack = champions(entries)
    if champion is None or len(stack) < 2:
        raise PromotionError("there is no champion from before to go back to: 'earshot model history' lists them all")
    previous = registry.find(Reference(registry.name, number=stack[-2].version))
    entry = Entry(
        who=asked.who,
        action="rolled back",
        reason=asked.reason,
        before=champion.place,
        after=previous.place,
        git_commit=asked.git_commit,
    )
    registry.record(entry)
    registry.move(CHAMPION, previous)
    return entry
