"""The taxonomy as data: categories with definition and route, urgencies in order, the out-of-scope class.

Knows nothing of models. Another taxonomy file gives another classifier through the same code.
"""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earshot.errors import TaxonomyError

Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s;]([^;\n\r]*[^\s;])?$")]
"""A label's name; never with `;`, which separates secondary labels in a CSV cell, nor with white space around it."""


class Category(BaseModel):
    """One category.

    Attributes:
        name: The label, as in data and answers.
        definition: The question that decides whether a post belongs to it.
        route: The department that owns it, or None.
        examples: Made-up posts of it; they become a bundle's golden posts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    definition: str = ""
    route: str | None = None
    examples: tuple[str, ...] = ()


class Urgency(BaseModel):
    """One urgency level.

    Attributes:
        name: The label, as in data and answers.
        definition: The test that decides whether a post has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    definition: str = ""


class Taxonomy(BaseModel):
    """Categories in the order of the model's outputs, and urgencies from lowest to highest.

    Attributes:
        name: What the taxonomy is called.
        version: Raised when a label or its meaning changes.
        categories: At least two.
        out_of_scope: The category for posts that belong to no other, or None.
        urgencies: From lowest to highest; empty, or at least two.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    version: int = Field(default=1, ge=1)
    categories: tuple[Category, ...] = Field(min_length=2)
    out_of_scope: str | None = None
    urgencies: tuple[Urgency, ...] = ()

    @model_validator(mode="after")
    def _labels_are_consistent(self) -> Taxonomy:
        for kind, names in (("category", self.category_names), ("urgency", self.urgency_names)):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{kind} named more than once: {', '.join(repeated)}")
        if len(self.urgencies) == 1:
            raise ValueError("one urgency alone orders nothing: name at least two, or none")
        if self.out_of_scope is not None and self.out_of_scope not in self.category_names:
            raise ValueError(f"out_of_scope '{self.out_of_scope}' is not among the categories")
        return self

    @property
    def category_names(self) -> tuple[str, ...]:
        """The categories' names, in the order of the model's outputs."""
        return tuple(category.name for category in self.categories)

    @property
    def urgency_names(self) -> tuple[str, ...]:
        """The urgencies' names, from lowest to highest."""
        return tuple(urgency.name for urgency in self.urgencies)

    @property
    def routes(self) -> dict[str, str | None]:
        """The owning department of each category."""
        return {category.name: category.route for category in self.categories}

    @classmethod
    def default(cls) -> Taxonomy:
        """Read the default taxonomy, which comes with the package."""
        return cls.load(Path(str(resources.files("earshot") / "taxonomies" / "default.toml")))

    @classmethod
    def load(cls, path: Path) -> Taxonomy:
        """Read a taxonomy from a TOML or JSON file.

        Raises:
            TaxonomyError: The file is missing, not TOML or JSON, or says something inconsistent.
        """
        try:
            text = path.read_text(encoding="utf-8")
            content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
            return cls.model_validate(content)
        except OSError as error:
            raise TaxonomyError(f"cannot read taxonomy {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise TaxonomyError(f"taxonomy {path}: {field + ': ' if field else ''}{first['msg']}") from error
        except ValueError as error:
            raise TaxonomyError(f"taxonomy {path} is not readable as TOML or JSON: {error}") from error
