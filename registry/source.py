"""What `earshot serve --model models:/earshot@champion` follows: a registered version, kept on disk.

The service asks it from threads of its own, so a registry that hangs holds nobody up. What was fetched once stays in a
cache and is served again while the registry is down, also after a restart. Knows nothing of how models are served.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

# A registry that does not answer is asked again later anyway: better to give up soon than to wait for minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

from earshot.bundle import Bundle
from earshot.errors import BundleError
from earshot.tracking_uri import tracking_uri
from registry.errors import UnreachableError
from registry.reference import Reference
from registry.store import Registry

_logger = logging.getLogger(f"service.{__name__}")  # within the service, whose lines are configured

CACHE_VARIABLE = "EARSHOT_CACHE"


class RegistrySource:
    """A registered version as the service's model.

    Args:
        model: `models:/NAME@ALIAS`, which is followed, or `models:/NAME/NUMBER`, where MLflow's own setting says,
            `MLFLOW_TRACKING_URI`; kept in `$EARSHOT_CACHE`, else in `~/.cache/earshot`.
    """

    local = False

    def __init__(self, model: str) -> None:
        self._reference = Reference.parse(model)
        self._registry: Registry | None = None
        self._cache = _cache()

    def revision(self) -> str:
        """The number of the version that is meant.

        Raises:
            ConnectionError: The registry cannot be reached.
            RegistryError: There is none.
        """
        try:
            return str(self._reached().number_of(self._reference))
        except UnreachableError as error:
            raise ConnectionError(str(error)) from error

    def fetch(self) -> Bundle:
        """The bundle of that version, from the cache where it was fetched before.

        Where the registry cannot be reached, the version that the alias last pointed to, if it is still there.

        Raises:
            ConnectionError: The registry cannot be reached, and nothing is kept; it may be later.
            RegistryError: There is no such version, or it is not what was registered.
            BundleError: What it holds is damaged.
        """
        try:
            number = self._reached().number_of(self._reference)
            bundle = self._kept(number)
        except UnreachableError as error:
            kept = self._last_known()
            if kept is None:
                raise ConnectionError(str(error)) from error
            _logger.warning("the registry cannot be asked, version %s comes from %s: %s", kept[0], kept[1], error)
            return Bundle.load(kept[1])
        self._remember(number)
        return bundle

    def _reached(self) -> Registry:
        if self._registry is None:
            self._registry = Registry(tracking_uri(), self._reference.name)
        return self._registry

    def _folder(self, number: int) -> Path:
        return self._cache / self._reference.name / f"version-{number}"

    def _kept(self, number: int) -> Bundle:
        folder = self._folder(number)
        if folder.is_dir():
            try:
                return Bundle.load(folder)
            except BundleError as error:
                _logger.warning("the cache is damaged and is fetched again: %s", error)
        return self._reached().pull(Reference(self._reference.name, number=number), folder)

    def _pointer(self) -> Path:
        return self._cache / self._reference.name / f"@{self._reference.alias or self._reference.number}.json"

    def _remember(self, number: int) -> None:
        pointer = self._pointer()
        with tempfile.NamedTemporaryFile("w", dir=pointer.parent, delete=False, encoding="utf-8") as file:
            json.dump({"version": number}, file)
        Path(file.name).replace(pointer)

    def _last_known(self) -> tuple[int, Path] | None:
        try:
            number = int(json.loads(self._pointer().read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        folder = self._folder(number)
        return (number, folder) if folder.is_dir() else None


def _cache() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earshot"
