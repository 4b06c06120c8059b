"""`data/sources.toml`: which public sets there are, under which licence, and how a post is read out of their files.

Knows nothing of where the files lie on this machine, nor of labels.
"""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from earshot.errors import EarshotError

PART = "{part}"
"""Stands in `path` and `url` for the one of many files that a row lies in."""
ROW_NUMBER = "#row"
"""As a key: the 0-based row, without the header."""


class SourcesError(EarshotError):
    """`sources.toml` cannot be used, or does not hold what was asked for."""


class Source(BaseModel):
    """One public set.

    Attributes:
        name: What it is called.
        overlays: The values of `source` that its labelled rows have; `*` stands for anything.
        upstream: Where it comes from, for people.
        licence: SPDX identifier.
        attribution: Whom to name.
        path: Of the file below the folder of source files; with `{part}` there are many.
        url: Where the file lies upstream; None where no stable address is known.
        member: The file's name within the archive that `url` is, when it is a zip archive.
        format: How the file is written; `json` is a list of objects.
        columns: Column names of a file without a header; empty where the first row names them.
        key: The column that tells rows apart, or `#row`.
        text: The columns that make up the post.
        separator: Between them; an empty column is left out together with it.
        has_tags: Whether the text holds HTML tags, which are taken out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    overlays: tuple[str, ...]
    upstream: str
    licence: str
    attribution: str
    path: str
    url: str | None = None
    member: str | None = None
    format: Literal["csv", "tsv", "json", "xlsx"]
    columns: tuple[str, ...] = ()
    key: str
    text: tuple[str, ...] = Field(min_length=1)
    separator: str = ". "
    has_tags: bool = False

    @model_validator(mode="after")
    def _parts_agree(self) -> Source:
        if self.url is not None and (PART in self.url) != self.has_parts:
            raise ValueError(f"'path' and 'url' must both name {PART}, or neither")
        return self

    @property
    def has_parts(self) -> bool:
        """Whether the rows lie in many files, and an overlay says in which."""
        return PART in self.path

    def covers(self, source: str) -> bool:
        """Whether labelled rows with this `source` come from here."""
        return any(fnmatch.fnmatchcase(source, pattern) for pattern in self.overlays)

    def path_of(self, part: str | None) -> str:
        """The file of one part, below the folder of source files."""
        return self.path.replace(PART, part or "")

    def url_of(self, part: str | None) -> str | None:
        """The file of one part, upstream."""
        return self.url.replace(PART, part or "") if self.url else None


class _Catalogue(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: tuple[Source, ...] = Field(min_length=1)


def load_sources(path: Path) -> tuple[Source, ...]:
    """Read `sources.toml`.

    Raises:
        SourcesError: It cannot be read, or says something unknown or inconsistent.
    """
    try:
        return _Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).source
    except OSError as error:
        raise SourcesError(
            f"cannot read {path}: {error.strerror}; it comes with the repository, in data/: name it by --catalogue"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SourcesError(f"{path}: {where}: {first['msg']}") from error
    except tomllib.TOMLDecodeError as error:
        raise SourcesError(f"{path} is not TOML: {error}") from error


def source_of(row_source: str, sources: tuple[Source, ...]) -> Source:
    """The set that labelled rows with this `source` come from.

    Raises:
        SourcesError: None of them.
    """
    for source in sources:
        if source.covers(row_source):
            return source
    names = ", ".join(source.name for source in sources)
    raise SourcesError(f"no source covers rows of '{row_source}', there are {names}: add it to sources.toml")
