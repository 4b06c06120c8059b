"""A real PostgreSQL server for tests, started for them and stopped after; without one installed, they are skipped.

`.ci/run` installs it, and `apt install postgresql` does.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
WITHIN_S = 60


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """Makes databases on a server of the test run's own: each call gives the URL of a new, empty one."""
    if not _PROGRAMS:
        pytest.skip("no PostgreSQL server on this machine: apt install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="earshot-postgresql-"))
    user = _owner(folder)
    data = folder / "data"
    # The server is not reached over a port, which another could have taken, but over a socket in the folder.
    programs, where = _PROGRAMS[-1], f"host={folder} user=postgres"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        with subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
            user=user, cwd=folder, stderr=subprocess.DEVNULL,
        ) as server:  # fmt: skip
            try:
                _wait_for(f"{where} dbname=postgres")
                yield lambda: _new_database(where, folder)
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder)


def _owner(folder: Path) -> int | None:
    """The server refuses to run as root: whom the folder was given to instead."""
    if os.getuid() != 0:
        return None
    user = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, user, -1)
    return user


def _wait_for(where: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            psycopg.connect(where).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _new_database(where: str, folder: Path) -> str:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{where} dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return f"postgresql://postgres@/{name}?host={folder}"
