"""How a registered version is called: `models:/NAME@ALIAS` or `models:/NAME/NUMBER`, as MLflow has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.errors import RegistryError

CHAMPION, CHALLENGER = "champion", "challenger"
"""The aliases of the version in use, and of the one that wants its place."""

_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<number>[1-9][0-9]*))")


@dataclass(frozen=True, slots=True)
class Reference:
    """One version of a registered model, by alias or by number.

    Attributes:
        name: The registered model.
        alias: What points to the version; None where it is named by number.
        number: The version; None where it is named by alias.
    """

    name: str
    alias: str | None = None
    number: int | None = None

    @classmethod
    def parse(cls, uri: str) -> Reference:
        """Read a URI.

        Raises:
            RegistryError: It is none.
        """
        found = _URI.fullmatch(uri)
        if found is None:
            raise RegistryError(f"'{uri}' names no registered version: write models:/NAME@ALIAS or models:/NAME/NUMBER")
        number = found["number"]
        return cls(found["name"], found["alias"], int(number) if number else None)

    @classmethod
    def of(cls, name: str, version: str) -> Reference:
        """A version of a model by what a person types: a number, an alias, or a whole URI."""
        if version.startswith("models:/"):
            return cls.parse(version)
        return cls(name, number=int(version)) if version.isdecimal() else cls(name, alias=version.removeprefix("@"))

    def __str__(self) -> str:
        return f"models:/{self.name}" + (f"@{self.alias}" if self.alias is not None else f"/{self.number}")
