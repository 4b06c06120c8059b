"""API keys: a file of names and hashes, read again when it changes. Knows nothing of HTTP.

One key a line, `name:sha256:HEX`; blank lines and lines that begin with `#` don't count. `earshot key NAME` makes one.
A key is 256 random bits, so that a plain hash keeps it: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from service.errors import SettingsError

_logger = logging.getLogger(__name__)

_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):sha256:(?P<hash>[0-9a-f]{64})")
_LOOK_EVERY_S = 1.0
_PREFIX = "earshot_"


def new_key() -> str:
    """Make a key."""
    return _PREFIX + secrets.token_urlsafe(32)


def key_line(name: str, key: str) -> str:
    """The key's line in a key file.

    Raises:
        SettingsError: The name holds something else than letters, digits, dots, dashes and underscores.
    """
    line = f"{name}:sha256:{_hash(key)}"
    if not _LINE.fullmatch(line):
        raise SettingsError(f"'{name}' is no name for a key: letters, digits, '.', '_' and '-', at most 64")
    return line


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class KeyRing:
    """The keys of one file.

    Keys come and go without a restart: the file is looked at once a second at most, when a key is asked for. One that
    cannot be read, or holds a line that is none, changes nothing: whoever had access keeps it, and the log says so.

    Args:
        path: The file.
        reloaded: Called after each later reading with `read` or `refused`.
        clock: Seconds that only go forward.

    Raises:
        SettingsError: The file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        reloaded: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._reloaded = reloaded
        self._clock = clock
        self._stamp = self._look()
        self._names = _read(path)
        self._looked = clock()

    def name_of(self, key: str) -> str | None:
        """Say whose key this is, or None if it is nobody's."""
        self._refresh()
        return self._names.get(_hash(key))

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._names = _read(self._path)
        except SettingsError as error:
            _logger.error("the keys stay as they are: %s", error)
            self._reloaded("refused")
            return
        _logger.info("%s read again: %d keys", self._path, len(self._names))
        self._reloaded("read")

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> Mapping[str, str]:
    """Names by hash."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"cannot read the keys in {path}: {reason}") from error
    names = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise SettingsError(f"{path}, line {number}: is not 'name:sha256:HEX'; make a line with 'earshot key NAME'")
        names[found["hash"]] = found["name"]
    return names
