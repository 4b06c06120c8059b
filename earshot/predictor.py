"""The one thing that everybody who wants predictions depends on, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from earshot.post import Post, Result
from earshot.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model spoke.

    Attributes:
        name: The bundle's name.
        version: The bundle's version.
        digest: `sha256:` over all that a prediction depends on.
    """

    name: str
    version: str
    digest: str


class Predictor(Protocol):
    """Posts in, one result per post out, in order."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model speaks."""
        ...

    @property
    def taxonomy(self) -> Taxonomy:
        """What it may say."""
        ...

    def predict(self, posts: Sequence[Post]) -> list[Result]:
        """Judge posts; a bad post gets a rejection in its own place."""
        ...
