"""What a behaviour test expects of a prediction, or of a pair of predictions. Knows nothing of posts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from earshot.post import Prediction
from earshot.taxonomy import Taxonomy

Labels = str | list[str]


class Expectation(BaseModel):
    """What must hold; at least one of these.

    Attributes:
        category: The category, or those of which it must be one.
        not_category: A category that it must not be.
        secondary: Categories that must be among the secondary ones.
        urgency: The urgency, or those of which it must be one.
        urgency_at_least: The lowest urgency that is allowed.
        urgency_at_most: The highest urgency that is allowed.
        same_category: The changed post must get the category of the unchanged one.
        urgency_change: How the changed post's urgency must compare with that of the unchanged one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    category: Labels | None = None
    not_category: str | None = None
    secondary: list[str] = []
    urgency: Labels | None = None
    urgency_at_least: str | None = None
    urgency_at_most: str | None = None
    same_category: bool = False
    urgency_change: Literal["none", "not higher", "not lower", "higher"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self == Expectation.model_construct():
            raise ValueError("expects nothing")
        return self

    @property
    def compares(self) -> bool:
        """Whether it speaks of a pair: a changed post and the unchanged one."""
        return self.same_category or self.urgency_change is not None

    def labels(self) -> Iterator[tuple[Literal["category", "urgency"], str]]:
        """Every label that it names, with its kind."""
        for name in (*_listed(self.category), *_listed(self.not_category), *self.secondary):
            yield "category", name
        for name in (*_listed(self.urgency), *_listed(self.urgency_at_least), *_listed(self.urgency_at_most)):
            yield "urgency", name

    def failures(self, said: Prediction, before: Prediction | None, taxonomy: Taxonomy) -> list[str]:
        """What does not hold, in words; empty when all does.

        Args:
            said: Of the post, or of the changed post.
            before: Of the unchanged post, where there is one.
            taxonomy: For the order of urgencies.
        """
        found = [*self._of_category(said), *self._of_urgency(said, taxonomy.urgency_names)]
        if before is not None:
            found += self._of_change(said, before, taxonomy.urgency_names)
        return found

    def _of_category(self, said: Prediction) -> Iterator[str]:
        if self.category is not None and said.category not in _listed(self.category):
            yield f"category {said.category}, expected {' or '.join(_listed(self.category))}"
        if said.category == self.not_category:
            yield f"category {said.category}, expected any other"
        if missing := [name for name in self.secondary if name not in said.secondary]:
            yield f"secondary lacks {', '.join(missing)}"

    def _of_urgency(self, said: Prediction, levels: tuple[str, ...]) -> Iterator[str]:
        if not levels or said.urgency is None:
            return
        level = levels.index(said.urgency)
        if self.urgency is not None and said.urgency not in _listed(self.urgency):
            yield f"urgency {said.urgency}, expected {' or '.join(_listed(self.urgency))}"
        if self.urgency_at_least is not None and level < levels.index(self.urgency_at_least):
            yield f"urgency {said.urgency}, expected at least {self.urgency_at_least}"
        if self.urgency_at_most is not None and level > levels.index(self.urgency_at_most):
            yield f"urgency {said.urgency}, expected at most {self.urgency_at_most}"

    def _of_change(self, said: Prediction, before: Prediction, levels: tuple[str, ...]) -> Iterator[str]:
        if self.same_category and said.category != before.category:
            yield f"category {before.category} became {said.category}"
        if self.urgency_change is None or said.urgency is None or before.urgency is None:
            return
        moved = levels.index(said.urgency) - levels.index(before.urgency)
        holds = {"none": moved == 0, "not higher": moved <= 0, "not lower": moved >= 0, "higher": moved > 0}
        if not holds[self.urgency_change]:
            expected = "no change" if self.urgency_change == "none" else self.urgency_change
            yield f"urgency {before.urgency} became {said.urgency}, expected {expected}"


def _listed(labels: Labels | None) -> list[str]:
    return [labels] if isinstance(labels, str) else labels or []


class Failure(BaseModel):
    """One case that does not hold, without its text.

    Attributes:
        case: The case's name: the test's, and a number.
        text_sha256: Of the post.
        says: What does not hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    text_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    says: tuple[str, ...]
