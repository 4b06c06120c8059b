"""What came of an attempt to change the model. Knows nothing of how it is changed, or told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from earshot import ModelIdentity

Outcome = Literal["switched", "unchanged", "rolled_back"]


@dataclass(frozen=True, slots=True)
class Change:
    """What came of an attempt to change the model.

    Attributes:
        outcome: What happened.
        model: Which is served now.
        previous: Which can be gone back to.
    """

    outcome: Outcome
    model: ModelIdentity
    previous: ModelIdentity | None
