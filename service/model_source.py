"""Where models come from: a folder, or whatever a plug knows how to fetch. Knows nothing of how they are served.

The service itself knows folders alone. A setting `EARSHOT_MODEL=scheme:rest` goes to the entry point `scheme` in the
group `earshot.model_sources`, which is called with the whole text: that is how a model registry is followed.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Protocol

from earshot import Bundle, MissingExtraError
from earshot.bundle import DEFAULT, MANIFEST, embedded_bundle
from service.errors import SettingsError

ENTRY_POINTS = "earshot.model_sources"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(?!\\)")


class ModelSource(Protocol):
    """Gives a bundle, and says when there is another; called on threads, one call at a time."""

    @property
    def local(self) -> bool:
        """Whether fetching takes no longer than reading: then a bad bundle is refused before the service listens."""
        ...

    def revision(self) -> str:
        """Name what `fetch` would give now: cheap to ask for, and another text once there is something else.

        Raises:
            EarshotError: There is none.
            Exception: It cannot be told at the moment; the service asks again later.
        """
        ...

    def fetch(self) -> Bundle:
        """Give the bundle, verified, in a folder that stays as it is while the bundle is in use.

        Raises:
            EarshotError: There is none that can be used.
        """
        ...


class FolderSource:
    """A bundle folder, or `default` for the embedded one.

    Args:
        folder: Its path.
    """

    local = True

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def revision(self) -> str:
        """When its manifest was last written, and how long it is."""
        folder = embedded_bundle() if self._folder == DEFAULT else Path(self._folder)
        found = (folder / MANIFEST).stat()
        return f"{found.st_mtime_ns} {found.st_ino} {found.st_size}"

    def fetch(self) -> Bundle:
        """Read it and verify its files."""
        return Bundle.load(self._folder)


def open_source(model: str) -> ModelSource:
    """Find out where a model comes from.

    Args:
        model: A folder, `default`, or `scheme:rest` for a plug.

    Raises:
        SettingsError: No plug has that name.
        MissingExtraError: The plug is not installed.
    """
    scheme = _SCHEME.match(model)
    if scheme is None or Path(model).is_dir():
        return FolderSource(model)
    points = {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}
    if scheme[1] not in points:
        known = f", only {', '.join(sorted(points))}" if points else ""
        raise SettingsError(f"model '{model}': nothing here fetches '{scheme[1]}:' models{known}; name a bundle folder")
    point = points[scheme[1]]
    try:
        make = point.load()
    except ImportError as error:
        raise MissingExtraError(
            f"model '{model}' (which lacks {error.name})", point.module.partition(".")[0]
        ) from error
    source: ModelSource = make(model)
    return source
