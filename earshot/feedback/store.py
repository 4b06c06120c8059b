"""Keeps corrections in a database: SQLite in a file, or PostgreSQL. What it gave an answer to survives a power cut."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from earshot.errors import FeedbackError, IdempotencyKeyReusedError, MissingExtraError
from earshot.feedback.correction import Correction, KeptCorrection
from earshot.feedback.location import DEFAULT_DATABASE
from earshot.feedback.migration import migrate
from earshot.feedback.tables import CorrectionRow

_MAX_WAIT_S = 10
"""How long another writer, or a server that does not answer, is waited for."""
_ROWS_AT_ONCE = 1000
_BEGIN = "sqlite_begin"
_UNREACHABLE = (InterfaceError, OperationalError)


class FeedbackStore:
    """An open database of corrections; may be used from several threads at once.

    Args:
        engine: A database in the form that this version uses; see `open`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, database: str = DEFAULT_DATABASE, *, make: bool = True) -> FeedbackStore:
        """Open a database, and bring it to the form that this version uses.

        Several processes may do so at once. A file is made if need be, to be read by nobody but its owner.

        Args:
            database: Its URL, such as `sqlite:////var/lib/earshot/feedback.db` or
                `postgresql://user:password@host/name`.
            make: Whether to make a file that is not there.

        Raises:
            FeedbackError: It cannot be reached, is not there and not to be made, or a newer version wrote it.
            MissingExtraError: Its driver is not installed.
        """
        url = parse_database(database)
        postgresql = url.get_backend_name() == "postgresql"
        if not postgresql and not make and not Path(url.database or "").exists():
            raise FeedbackError(f"there is no feedback database at {url.database}")
        engine = _postgresql_engine(url) if postgresql else _sqlite_engine(url)
        try:
            with _database_errors(url):
                migrate(engine.execution_options(**{_BEGIN: "IMMEDIATE"}))
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @property
    def database(self) -> str:
        """The database's URL, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def keep(self, correction: Correction) -> KeptCorrection:
        """Keep a correction; once this returns, it is on disk.

        Returns:
            The correction as it was kept: at an earlier time, if it was sent with the same idempotency key before.

        Raises:
            IdempotencyKeyReusedError: The key was used for another correction.
            FeedbackError: The database does not take it.
        """
        row = CorrectionRow.of(correction, id=uuid.uuid4().hex, received_at=datetime.now(UTC))
        writer = self._engine.execution_options(**{_BEGIN: "IMMEDIATE"})
        with _database_errors(self._engine.url):
            earlier = self._find(correction)
            if earlier is None:
                try:
                    with Session(writer, expire_on_commit=False) as session, session.begin():
                        session.add(row)
                    return row.kept()
                except IntegrityError:
                    earlier = self._find(correction)  # the same key came in beside it
                    if earlier is None:
                        raise
        if earlier.correction.fingerprint != correction.fingerprint:
            raise IdempotencyKeyReusedError(
                "the idempotency key was used for another correction before; give each correction a key of its own"
            )
        return replace(earlier, repeated=True)

    def corrections(self) -> Iterator[KeptCorrection]:
        """Give all corrections in the order in which they were kept.

        Raises:
            FeedbackError: The database cannot be read.
        """
        rows = select(CorrectionRow).order_by(CorrectionRow.sequence).execution_options(yield_per=_ROWS_AT_ONCE)
        with _database_errors(self._engine.url), Session(self._engine) as session:
            for row in session.scalars(rows):
                yield row.kept()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _find(self, correction: Correction) -> KeptCorrection | None:
        """What was kept under the correction's idempotency key."""
        if correction.idempotency_key is None:
            return None
        wanted = select(CorrectionRow).where(
            CorrectionRow.caller == correction.caller,
            CorrectionRow.idempotency_key == correction.idempotency_key,
        )
        with Session(self._engine) as session:
            row = session.scalar(wanted)
            return None if row is None else row.kept()


def parse_database(database: str) -> URL:
    """Read a database's URL; a `~` at the start of a file's path is the home folder.

    Raises:
        FeedbackError: It is none, or of another kind of database.
    """
    try:
        url = make_url(database)
    except ArgumentError as error:
        # What was given is not repeated, as it may hold a password.
        raise FeedbackError(f"the feedback database is not a URL such as {DEFAULT_DATABASE}") from error
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite", database=str(Path(url.database).expanduser().absolute()))
    if url.get_backend_name() in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    raise FeedbackError(
        f"feedback is kept in a SQLite file or in PostgreSQL, not in '{url.drivername}': "
        "name sqlite:////path/to/feedback.db or postgresql://user:password@host/name"
    )


def _sqlite_engine(url: URL) -> Engine:
    path = Path(url.database or "")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # it holds what people wrote
    except OSError as error:
        raise FeedbackError(f"cannot write to the feedback database {path}: {error.strerror}") from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _MAX_WAIT_S})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401 — the driver's own
    # The driver's own transactions begin too late: neither migrations nor reads would be inside.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit returns when it is on disk. Spelled out, since builds of SQLite differ in their default.
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that begins by reading may be refused when it comes to write.
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGIN, '')}")


def _postgresql_engine(url: URL) -> Engine:
    timeouts = f"-c statement_timeout={_MAX_WAIT_S}s -c idle_in_transaction_session_timeout={_MAX_WAIT_S}s"
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,  # a server that was started again is no reason to refuse
            pool_timeout=_MAX_WAIT_S,
            connect_args={"connect_timeout": _MAX_WAIT_S, "options": timeouts},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("a PostgreSQL database", "postgresql") from error


@contextmanager
def _database_errors(url: URL) -> Iterator[None]:
    """Tell of the database's errors as ours: in one line, without a post or a password."""
    try:
        yield
    except SQLAlchemyError as error:
        database = url.render_as_string(hide_password=True)
        raise FeedbackError(f"the feedback database {database} fails: {_reason(error)}") from None


def _reason(error: SQLAlchemyError) -> str:
    """What the driver says; not of a statement that it refuses, as that may quote what was to be kept."""
    origin = getattr(error, "orig", None)
    if origin is None or not isinstance(error, _UNREACHABLE):
        return type(error).__name__
    return " ".join(str(origin).split()) or type(origin).__name__
