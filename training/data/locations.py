"""Where source files come from, and the folder that keeps them: a folder, `file://`, or `http(s)://`.

All three pass through `Cache.get`. A download that broke off goes on where it stopped. Knows nothing of what the files
hold. The only file that knows HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

import httpx2
from tqdm import tqdm

from earshot.errors import EarshotError
from training.data.sources import Source

_TIMEOUT = httpx2.Timeout(60, connect=10)
_ATTEMPTS = 4
_CHUNK_BYTES = 1 << 16
_NOTHING_LEFT = 416
_GONE = frozenset({403, 404, 410})


class FileMissingError(EarshotError):
    """One file is not at its place; others may be."""


class LocationError(EarshotError):
    """A place cannot be read at all."""


class Transfer:
    """The bytes of one file, from some offset on.

    Attributes:
        chunks: The bytes.
        offset: Where they begin; 0 where the place cannot begin in the middle, or the file has changed.
        total: Bytes of the whole file, where known.
        version: What tells this version of the file from another, where the place says so.
    """

    def __init__(self, chunks: Iterator[bytes], offset: int, total: int | None, version: str | None) -> None:
        self.chunks, self.offset, self.total, self.version = chunks, offset, total, version


class Location(Protocol):
    """A place that holds source files."""

    name: str

    def address(self, source: Source, part: str | None) -> str:
        """Where a file lies, for `open` and for people."""
        ...

    def version(self, address: str) -> str | None:
        """What version of a file lies there now, where it costs nothing to ask."""
        ...

    def open(self, address: str, offset: int, version: str | None) -> AbstractContextManager[Transfer]:
        """Read a file.

        Args:
            address: The file.
            offset: Bytes of it that are here already.
            version: The version that these are of.

        Raises:
            FileMissingError: It is not there.
            LocationError: The place cannot be reached.
        """
        ...


class Folder:
    """A folder on this machine, laid out as `path` in `sources.toml` says."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise LocationError(f"{folder} is no folder: --sources takes one, or a file:// or http(s):// address")
        self.folder = folder.resolve()
        self.name = str(self.folder)

    def address(self, source: Source, part: str | None) -> str:
        """The file's path."""
        return str(self.folder / source.path_of(part))

    def version(self, address: str) -> str | None:
        """Size and time of the last change."""
        try:
            found = Path(address).stat()
        except OSError:
            return None
        return f"{found.st_size}-{found.st_mtime_ns}"

    @contextmanager
    def open(self, address: str, offset: int, version: str | None) -> Iterator[Transfer]:
        """Read a file from `offset` on."""
        path, now = Path(address), self.version(address)
        offset = offset if version is not None and version == now else 0
        try:
            with path.open("rb") as file:
                file.seek(offset)
                yield Transfer(_chunks(file), offset, path.stat().st_size, now)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise FileMissingError(f"{address}: {error.strerror}") from error


class Web:
    """Files over HTTP, below one address, or for want of one each where its source's upstream keeps it."""

    def __init__(self, client: httpx2.Client, base: str | None) -> None:
        self._client = client
        self._base = base.rstrip("/") if base else None
        self.name = base or "upstream"

    def address(self, source: Source, part: str | None) -> str:
        """The file's URL."""
        quoted = None if part is None else quote(part, safe="")
        if self._base is not None:
            return f"{self._base}/{quote(source.path_of(part))}"
        url = source.url_of(quoted)
        if url is None:
            raise LocationError(
                f"no stable address is known for '{source.name}' ({source.upstream}): put {source.path} into a folder "
                "and name that by --sources"
            )
        return url

    def version(self, address: str) -> str | None:
        """Unknown without asking, which would cost a request for each file."""
        return None

    @contextmanager
    def open(self, address: str, offset: int, version: str | None) -> Iterator[Transfer]:
        """Read a file; from the middle only where the server knows that it is still the same."""
        # Compressed bytes could not be counted, and so not be gone on from.
        headers = {"Accept-Encoding": "identity"}
        if offset and version:
            headers |= {"Range": f"bytes={offset}-", "If-Range": version}
        try:
            with self._client.stream("GET", address, headers=headers) as response:
                if response.status_code == _NOTHING_LEFT:  # all had arrived, or the file has become shorter
                    with self.open(address, 0, None) as anew:
                        yield anew
                    return
                if response.status_code in _GONE:
                    raise FileMissingError(f"{address}: HTTP status {response.status_code}")
                if response.status_code not in (200, 206):
                    raise LocationError(f"{address} answers with HTTP status {response.status_code}: try again later")
                begins = offset if response.status_code == 206 else 0
                length = response.headers.get("Content-Length")
                yield Transfer(
                    response.iter_bytes(),  # in whatever sizes they arrive: a full chunk might never come
                    begins,
                    begins + int(length) if length else None,
                    _strong(response.headers.get("ETag")),
                )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise LocationError(f"{address} is no usable address: {error}") from error


def _strong(etag: str | None) -> str | None:
    """An entity tag that `If-Range` may carry; a weak one does not promise the same bytes."""
    return None if etag is None or etag.startswith("W/") else etag


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


@contextmanager
def open_location(where: str | None) -> Iterator[Location]:
    """Open what `--sources` names.

    Args:
        where: A folder, a `file://` or `http(s)://` address, or None for each source's own upstream.

    Raises:
        LocationError: It is none of these.
    """
    address = urlsplit(where or "")
    if where is not None and address.scheme == "file":
        yield Folder(Path(unquote(address.path)))
    elif where is not None and address.scheme not in ("http", "https"):
        yield Folder(Path(where))
    else:
        with httpx2.Client(timeout=_TIMEOUT, follow_redirects=True) as client:
            yield Web(client, where)


class Cache:
    """A folder that keeps what was fetched, apart for each place; it may be thrown away at any time.

    Args:
        folder: The folder.
        location: Where the files come from.
        refresh: Fetch also what is there already.
    """

    def __init__(self, folder: Path, location: Location, *, refresh: bool = False) -> None:
        self._folder = folder / hashlib.sha256(location.name.encode()).hexdigest()[:12]
        self._location = location
        self._refresh = refresh
        self._fetched: set[Path] = set()

    def get(self, source: Source, part: str | None = None) -> Path:
        """A source's file, fetched unless it is here.

        Raises:
            FileMissingError: It is not where it should be.
            LocationError: The place cannot be reached.
        """
        address = self._location.address(source, part)
        path = self._folder / source.path_of(part)
        if not self._is_current(path, address):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fetch(address, path)
            self._fetched.add(path)
        return path

    def _is_current(self, path: Path, address: str) -> bool:
        if not path.is_file() or (self._refresh and path not in self._fetched):
            return False
        now = self._location.version(address)
        return now is None or now == _noted(path)

    def _fetch(self, address: str, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._go_on(address, part)
                break
            except httpx2.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise LocationError(
                        f"cannot read {address} ({error or type(error).__name__}): run the same command again, what "
                        "has arrived is kept"
                    ) from error
        version = _noted(part)
        part.replace(path)
        _note(part, None)
        _note(path, version)

    def _go_on(self, address: str, part: Path) -> None:
        """Fetch what is missing of a file; its version lies beside it while it is incomplete."""
        here = part.stat().st_size if part.is_file() else 0
        with self._location.open(address, here, _noted(part)) as transfer:
            if transfer.offset == 0:
                part.unlink(missing_ok=True)
            _note(part, transfer.version)
            bar = tqdm(
                total=transfer.total,
                initial=transfer.offset,
                desc=part.stem,
                unit="B",
                unit_scale=True,
                leave=False,
                disable=None,
                delay=1,
            )
            with bar, part.open("ab") as file:
                for chunk in transfer.chunks:
                    file.write(chunk)
                    bar.update(len(chunk))


def _noted(path: Path) -> str | None:
    """The version that a file is of, where its place said so."""
    note = path.with_name(path.name + ".version")
    return note.read_text(encoding="utf-8") if note.is_file() else None


def _note(path: Path, version: str | None) -> None:
    note = path.with_name(path.name + ".version")
    if version is None:
        note.unlink(missing_ok=True)
    else:
        note.write_text(version, encoding="utf-8")
