"""Suites: what to judge on, as small TOML files; a labelled data file by itself is a suite too.

Knows nothing of models or metrics.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earshot.records import FORMATS, sha256_of
from eval.errors import SuiteError
from eval.slices import Slice
from eval.verdict import Gate

DATA_VARIABLE = "EARSHOT_DATA"

Kind = Literal["labels", "behaviour", "robustness", "speed"]
SHIPPED = Path(str(resources.files("eval") / "suites"))


class Suite(BaseModel):
    """What to judge a model on.

    Attributes:
        name: What reports call it.
        description: What it is good for, and what it says nothing of.
        data: The labelled data file: absolute, or relative to the suite's own file or a data root.
        sha256: Of the data file; None leaves it unchecked.
        licence: Of the posts, and what it forbids.
        evaluation_only: Whether nothing may be trained, tuned or chosen on the data.
        columns: Our name to the file's own name, where it differs.
        kind: `labels` judges labelled posts; `behaviour` runs behaviour tests, `data` being a file or folder of them;
            `robustness` perturbs the labelled posts; `speed` measures how fast they are answered.
        perturbations: Of a robustness suite; empty means all.
        every: Judge every so-many-th post only, beginning with the first.
        slices: Which posts the figures speak of; the first is the primary one. Empty: the ones that the data suggests.
        group_by: Columns whose every value becomes a slice within the primary one, and properties of posts such as
            `post.length`; None: all properties, and the usual columns that the data has.
        gates: What is asked of a model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    description: str = ""
    data: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    licence: str = ""
    evaluation_only: bool = False
    columns: dict[str, str] = {}
    kind: Kind = "labels"
    perturbations: list[str] = []
    every: int = Field(default=1, ge=1)
    slices: list[Slice] = []
    group_by: list[str] | None = []
    gates: list[Gate] = []

    @classmethod
    def load(cls, path: Path) -> Suite:
        """Read a suite file.

        Raises:
            SuiteError: The file is missing, not TOML, or says something that is not a suite.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise SuiteError(f"cannot read suite {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise SuiteError(f"suite {path}: {field}: {first['msg']}") from error
        except ValueError as error:
            raise SuiteError(f"suite {path} is not TOML: {error}") from error

    def locate(self, roots: Sequence[Path]) -> Path:
        """Find the data file and check that it is the one that the suite means.

        Args:
            roots: Folders that relative paths may start from, in order of preference.

        Raises:
            SuiteError: It is in none of them, or its SHA-256 is another.
        """
        path = self.find(roots)
        if path is None:
            looked = ", ".join(str(root) for root in roots)
            raise SuiteError(
                f"suite '{self.name}' needs {self.data}, which is not under {looked}: "
                f"set {DATA_VARIABLE} (or --data-root) to the folder that holds it"
            )
        if self.sha256 is not None and (found := sha256_of(path)) != self.sha256:
            raise SuiteError(
                f"suite '{self.name}' needs another {path}: its SHA-256 is {found[:12]}…, not {self.sha256[:12]}…; "
                "fetch the file again, or give it as --suite to judge on it as it is"
            )
        return path

    def find(self, roots: Sequence[Path]) -> Path | None:
        """The first data root's file that is there, whatever it holds; behaviour tests may be a folder."""
        paths = (root / self.data for root in roots)
        return next((path for path in paths if path.is_file() or (self.kind == "behaviour" and path.is_dir())), None)


def shipped_suites() -> dict[str, Suite]:
    """The suites that come with the package, by name."""
    suites = (Suite.load(path) for path in sorted(SHIPPED.glob("*.toml")))
    return {suite.name: suite for suite in suites}


def data_roots(chosen: Path | None) -> tuple[Path, ...]:
    """Where data files may lie: the chosen root, this repository's `data`, and the shared folder beside it.

    Args:
        chosen: The root that the caller named, if any.
    """
    here, repository = Path.cwd(), Path(__file__).resolve().parent.parent
    beside = [folder for base in (here, repository) for folder in (base / "data", base.parent / "shared" / "data")]
    return tuple(dict.fromkeys(([chosen] if chosen else []) + beside))


def named_suite(name: str) -> Suite:
    """A shipped suite by its name, or a suite file by its path; its data is not looked for.

    Raises:
        SuiteError: There is no such suite, or the file is none.
    """
    shipped = shipped_suites()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix.lower() != ".toml":
        raise SuiteError(f"'{name}' is neither a shipped suite ({', '.join(shipped)}) nor a suite file (.toml)")
    return Suite.load(path)


def roots_of(suite: Suite, roots: Sequence[Path]) -> Sequence[Path]:
    """Where a shipped suite's data may lie: behaviour tests come with the suite, posts do not."""
    return [SHIPPED, *roots] if suite.kind == "behaviour" else roots


def open_suite(name: str, roots: Sequence[Path]) -> tuple[Suite, Path]:
    """Find a suite and its data.

    Args:
        name: Of a shipped suite; or the path of a suite file (`.toml`) or of a labelled data file.
        roots: As `data_roots` gives them.

    Returns:
        The suite, and its data file.

    Raises:
        SuiteError: There is no such suite, or its data is missing or another.
    """
    shipped = shipped_suites()
    if name in shipped:
        return shipped[name], shipped[name].locate(roots_of(shipped[name], roots))
    path = Path(name)
    if path.suffix.lower() == ".toml":
        suite = Suite.load(path)
        return suite, suite.locate([path.parent, *roots])
    if not path.is_file():
        raise SuiteError(
            f"no suite and no file is called '{name}'; the shipped suites are {', '.join(shipped)}, "
            f"a suite file ends in .toml, a data file in {', '.join(FORMATS)}"
        )
    return Suite(name=path.stem, description=f"The posts of {path.name}.", data=str(path), group_by=None), path
