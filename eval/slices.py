"""Slices: which of a file's posts a figure speaks of, by the values of their columns. Knows nothing of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from earshot.records import LabelledPost
from eval.post_properties import COLUMNS, PROPERTIES

Value = bool | int | str


class Slice(BaseModel):
    """Posts with given values in given columns.

    Attributes:
        name: What reports call it.
        description: Which posts these are, for people.
        where: By column, the value that a post must have, or the values of which it must have one; a post is
            in the slice when every column agrees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    description: str = ""
    where: dict[str, Value | list[Value]] = {}

    def holds(self, post: LabelledPost) -> bool:
        """Whether the post belongs to the slice."""
        return all(
            value_of(post, column) in (wanted if isinstance(wanted, list) else [wanted])
            for column, wanted in self.where.items()
        )


UNAMBIGUOUS = Slice(
    name="unambiguous",
    description="Posts on whose label careful readers agree.",
    where={"ambiguous": False},
)
ALL = Slice(name="all", description="Every post of the file.")


def value_of(post: LabelledPost, column: str) -> object:
    """What a post has in a column, or of a property such as `post.length`; None when it has none."""
    if column in ("category", "urgency", "ambiguous"):
        return getattr(post, column)
    if column in PROPERTIES:
        return PROPERTIES[column](post)
    return post.fields.get(column)


def default_columns(posts: Sequence[LabelledPost]) -> list[str]:
    """The columns worth a look in a file that nobody named any for: properties of posts, and the usual ones it has."""
    columns = [*PROPERTIES, *COLUMNS]
    return [column for column in columns if any(is_value(value_of(post, column)) for post in posts)]


def is_value(value: object) -> TypeGuard[Value]:
    """Whether posts may be grouped by what a post has in a column."""
    return isinstance(value, Value) and value != ""


def default_slices(posts: Sequence[LabelledPost]) -> tuple[Slice, ...]:
    """The slices of a file that nobody defined any for, the primary one first."""
    return (UNAMBIGUOUS, ALL) if any(post.ambiguous for post in posts) else (ALL,)


def values_in(posts: Sequence[LabelledPost], column: str) -> list[Value]:
    """The values that posts have in a column, most frequent first; equally frequent ones in alphabetical order."""
    counts: dict[Value, int] = {}
    for post in posts:
        value = value_of(post, column)
        if is_value(value):
            counts[value] = counts.get(value, 0) + 1
    return sorted(counts, key=lambda value: (-counts[value], str(value)))
