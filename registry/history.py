"""What happened to the champion: who, when, why, from which version to which. Knows nothing of MLflow.

Each entry is one tag of the registered model, so the history lives and dies with the registry itself, and whoever can
read the one can read the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

TAG_PREFIX = "earshot.history."

Action = Literal["promoted", "forced", "rolled back", "refused"]
"""`forced` is a promotion against the gates; `refused` one that the gates stopped, which moved nothing."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # an entry of a later version is read as far as it goes


class Place(_Frozen):
    """A version of the registered model.

    Attributes:
        version: Its number.
        model: Name and version of the bundle.
        digest: Of the bundle.
    """

    version: int
    model: str
    digest: str


class Entry(_Frozen):
    """One step of the champion's history.

    Attributes:
        id: Orders the entries; begins with the time.
        at: When, ISO 8601, UTC.
        who: Who asked for it.
        action: What was done.
        reason: Why.
        before: The champion until then; None for the first.
        after: The version that was asked for: the champion from then on, unless it was refused.
        verdict: What the gates said: `pass`, `fail`, `cannot judge`; None where none were asked.
        failures: What they said against it.
        suite: What the version was judged on, with the digest of the data; None where it was not.
        report: Where the report lies.
        git_commit: Of the working copy in which it was asked for; None outside of one.
    """

    id: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}")
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    who: str
    action: Action
    reason: str
    before: Place | None
    after: Place
    verdict: str | None = None
    failures: tuple[str, ...] = ()
    suite: str | None = None
    report: str | None = None
    git_commit: str | None = None

    @property
    def moved(self) -> bool:
        """Whether the champion was another one afterwards."""
        return self.action != "refused"

    def tag(self) -> tuple[str, str]:
        """The tag that keeps it."""
        return TAG_PREFIX + self.id, self.model_dump_json()


def read_history(tags: Mapping[str, str]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Read the history out of a registered model's tags.

    Returns:
        The entries, oldest first, and the names of tags that cannot be read.
    """
    entries, broken = [], []
    for name in sorted(tag for tag in tags if tag.startswith(TAG_PREFIX)):
        try:
            entries.append(Entry.model_validate_json(tags[name]))
        except ValidationError:
            broken.append(name)
    return tuple(entries), tuple(broken)


def champions(entries: Iterable[Entry]) -> list[Place]:
    """The champions that a rollback can go back through: the present one last.

    A promotion puts one on top of the champion that it found; a rollback takes the top off, so that two rollbacks in a
    row go back two steps, not one and forth again.
    """
    stack: list[Place] = []
    for entry in entries:
        if not entry.moved:
            continue
        if entry.action == "rolled back":
            _back_to(stack, entry.after)
            continue
        if entry.before is not None:
            _back_to(stack, entry.before)  # else somebody moved the alias by hand, or a promotion was interrupted
        stack.append(entry.after)
    return stack


def _back_to(stack: list[Place], place: Place) -> None:
    """Take off what lies above a version, or put it on top where it is not there."""
    known = [one.version for one in stack]
    if place.version in known:
        del stack[len(known) - known[::-1].index(place.version) :]
    else:
        stack.append(place)


def disagreement(entries: Sequence[Entry], champion: Place | None) -> str | None:
    """What is to be said where the alias does not point to the version that the history ends with."""
    stack = champions(entries)
    recorded = stack[-1].version if stack else None
    found = None if champion is None else champion.version
    if recorded == found or (recorded is None and not entries):
        return None
    said = f"version {recorded}" if recorded is not None else "no version"
    points = f"version {found}" if found is not None else "nothing"
    return (
        f"the history ends with {said} as champion, but @champion points to {points}: somebody moved the alias by "
        "hand, or a promotion was interrupted"
    )
