"""What a suite's gates ask, and how an answer looks. Knows nothing of how figures are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Verdict = Literal["pass", "fail", "cannot judge"]

MIN_POSTS = 30
"""Fewer posts than this bear no gate, unless the gate says otherwise."""


class _Gate(BaseModel):
    """What all gates have.

    Attributes:
        name: What reports call it; left out, it is made from what it asks.
        metric: Such as `macro_f1`.
        slice: A slice's name, or a group's such as `source = forum`; None is the primary slice.
        min_n: With fewer posts than this it cannot be judged.
        required: Whether it counts for the verdict; one that does not is reported all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = ""
    metric: str = Field(min_length=1)
    slice: str | None = None
    min_n: int = Field(default=MIN_POSTS, ge=1)
    required: bool = True

    @property
    def where(self) -> str:
        """The slice in words, empty for the primary one."""
        return f" on {self.slice}" if self.slice else ""


class Limit(_Gate):
    """A figure must not be below, or above, a number.

    Attributes:
        at_least: The figure's floor.
        at_most: The figure's ceiling.
        certain: Whether the whole interval must keep the limit; where only a part does, it cannot be judged.
    """

    kind: Literal["limit"]
    at_least: float | None = None
    at_most: float | None = None
    certain: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give exactly one of at_least and at_most")
        return self

    @property
    def number(self) -> float:
        """The limit itself."""
        return next(number for number in (self.at_least, self.at_most) if number is not None)

    @property
    def title(self) -> str:
        """The gate in a few words."""
        asked = "at least" if self.at_least is not None else "at most"
        return self.name or f"{self.metric}{self.where} {asked} {self.number:g}"


class LabelLimit(_Gate):
    """A figure of each category, or of each urgency, must not be below a number.

    Attributes:
        at_least: The floor.
        labels: Which labels; empty means every one that has posts.
        scale: Whether these are categories or urgencies.
    """

    kind: Literal["label-limit"]
    metric: Literal["precision", "recall", "f1", "average_precision"]
    at_least: float
    labels: list[str] = []
    scale: Literal["category", "urgency"] = "category"

    @property
    def title(self) -> str:
        """The gate in a few words."""
        which = ", ".join(self.labels) or f"every {self.scale}"
        return self.name or f"{self.metric} of {which}{self.where} at least {self.at_least:g}"


class NonInferiority(_Gate):
    """The challenger may be worse than the champion by less than a margin; only a comparison can answer it.

    Attributes:
        margin: The largest loss that is still acceptable, in the metric's own unit.
    """

    kind: Literal["non-inferiority"]
    margin: float = Field(gt=0)

    @property
    def title(self) -> str:
        """The gate in a few words."""
        return self.name or f"{self.metric}{self.where} not worse than the champion's by {self.margin:g}"


class Fairness(_Gate):
    """The best-served and the worst-served group of a column must not lie further apart than a gap.

    Attributes:
        column: Such as `source`; the suite's `group_by` must name it.
        at_most: The largest gap.
    """

    kind: Literal["fairness"]
    column: str
    at_most: float = Field(gt=0)

    @property
    def title(self) -> str:
        """The gate in a few words."""
        return self.name or f"{self.metric} by {self.column} apart by at most {self.at_most:g}"


Gate = Annotated[Limit | LabelLimit | NonInferiority | Fairness, Field(discriminator="kind")]


class GateOutcome(BaseModel):
    """What became of a gate.

    Attributes:
        name: The gate's name.
        kind: Which kind of gate.
        verdict: Whether it passes; or that the posts there are cannot bear a judgement.
        says: Why, with the figures.
        required: Whether it counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    verdict: Verdict
    says: str
    required: bool = True


class Problem(BaseModel):
    """Something about the input, or about how it was answered, that forbids a judgement.

    Attributes:
        kind: A stable word for programs, such as `duplicate-id`.
        count: How many posts, rows or calls.
        says: What is wrong and what to do, without any text of a post.
        examples: Which ones, the first few.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    count: int = Field(ge=1)
    says: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.examples:
            return self.says
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.says} ({', '.join(self.examples)}{more})"


SHOWN_EXAMPLES = 5


def problem(kind: str, says: str, examples: Iterable[str]) -> list[Problem]:
    """A problem with what it concerns; none when it concerns nothing.

    Args:
        kind: A stable word for programs.
        says: A sentence, in which `{count}` stands for how many.
        examples: What it concerns, all of it.
    """
    concerned = list(examples)
    if not concerned:
        return []
    said = says.replace("{count}", f"{len(concerned):,}")
    return [Problem(kind=kind, count=len(concerned), says=said, examples=tuple(concerned[:SHOWN_EXAMPLES]))]


def overall(outcomes: Iterable[GateOutcome], problems: Iterable[Problem]) -> Verdict | None:
    """One verdict for all; None when nothing was asked and nothing is wrong.

    A problem forbids any judgement, even a refusal: the figures that refused might be the problem's doing.
    """
    if list(problems):
        return "cannot judge"
    found = {outcome.verdict for outcome in outcomes if outcome.required}
    for verdict in ("fail", "cannot judge", "pass"):
        if verdict in found:
            return verdict
    return None
