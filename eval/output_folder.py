"""The folder that a command of the harness leaves: refused early, written whole, read back, whatever is in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from eval.errors import ResultsError

Written = TypeVar("Written", bound=BaseModel)


def read_written(kind: type[Written], path: Path, what: str, advice: str) -> Written:
    """Read a file that an earlier command wrote.

    Args:
        kind: What it must hold.
        path: The file.
        what: What it holds, in a word for people.
        advice: What to do when this version does not read it.

    Raises:
        ResultsError: It is not there, or not what this version reads.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultsError(f"no {what} in {path.parent}: cannot read {path.name}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ResultsError(f"{path} is not what this version reads: {field}: {first['msg']}; {advice}") from error


def check_output(folder: Path, told_by: str) -> None:
    """Refuse a folder that cannot be written to.

    Args:
        folder: A new or empty one, or one that the same command wrote before.
        told_by: The file that tells the latter.

    Raises:
        ResultsError: It is a file, or holds something else, or cannot be created.
    """
    try:
        if folder.is_dir() and not (folder / told_by).is_file() and any(folder.iterdir()):
            raise ResultsError(f"{folder} exists and holds no {told_by}: name another folder, or empty it")
        if folder.exists() and not folder.is_dir():
            raise ResultsError(f"{folder} is a file: name a folder")
        folder.resolve().parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(_staging(folder))
    except OSError as error:
        raise ResultsError(f"cannot write to {folder}: {error.strerror}") from error


def write_output(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write an evaluation's files: each is complete, or as it was before.

    Args:
        folder: Where to; is made if it is not there.
        files: Content by name; put in place in this order once all are on the disk.

    Raises:
        ResultsError: They cannot be written.
    """
    try:
        staging = _staging(folder)
        try:
            for name, content in files.items():
                (staging / name).write_bytes(content)
            folder.mkdir(exist_ok=True)
            for name in files:
                (staging / name).replace(folder / name)
        finally:
            shutil.rmtree(staging)
    except OSError as error:
        raise ResultsError(f"cannot write to {folder}: {error.strerror}") from error


def _staging(folder: Path) -> Path:
    """A new folder beside the folder, on the same disk."""
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.resolve().parent))
