"""The champion's history, as it is kept in tags."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.history import TAG_PREFIX, Entry, Place, champions, disagreement, read_history


def place(version: int) -> Place:
    return Place(version=version, model=f"earshot {version}", digest=f"sha256:{version:064}")


def step(action: str, before: int | None, after: int) -> Entry:
    return Entry(
        who="anna",
        action=action,
        reason="because",
        before=None if before is None else place(before),
        after=place(after),
    )


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Entry], list[int]]:
    """Promotions, refusals and rollbacks as they may happen, and the champions that can be gone back through."""
    entries: list[Entry] = []
    stack: list[int] = []
    for action in draw(st.lists(st.sampled_from(["promoted", "forced", "refused", "rolled back"]), max_size=12)):
        before = stack[-1] if stack else None
        if action == "rolled back":
            if len(stack) < 2:
                continue
            stack.pop()
            entries.append(step(action, before, stack[-1]))
            continue
        after = draw(st.integers(1, 30).filter(lambda version: version not in stack))
        entries.append(step(action, before, after))
        if action != "refused":
            stack.append(after)
    return entries, stack


@given(lives())
def test_a_rollback_finds_every_champion_that_was_not_taken_back(life: tuple[list[Entry], list[int]]) -> None:
    entries, stack = life
    assert [one.version for one in champions(entries)] == stack
    assert disagreement(entries, place(stack[-1]) if stack else None) is None


@given(lives())
def test_entries_survive_their_tags_in_order(life: tuple[list[Entry], list[int]]) -> None:
    entries, _ = life
    tags = dict(reversed([entry.tag() for entry in entries]))
    read, broken = read_history(tags | {"other": "tag"})
    assert read == tuple(sorted(entries, key=lambda entry: entry.id))
    assert broken == ()


def test_an_entry_that_cannot_be_read_is_named_and_the_others_are_read() -> None:
    name, tag = step("promoted", None, 1).tag()
    read, broken = read_history({name: tag, f"{TAG_PREFIX}x": "{}"})
    assert [entry.after.version for entry in read] == [1]
    assert broken == (f"{TAG_PREFIX}x",)


def test_an_interrupted_promotion_is_told_and_the_next_one_mends_it() -> None:
    entries = [step("promoted", None, 1), step("promoted", 1, 2)]
    assert "points to version 1" in (disagreement(entries, place(1)) or "")
    mended = [*entries, step("promoted", 1, 3)]
    assert [one.version for one in champions(mended)] == [1, 3]
