"""Brings a database to the form that this version uses, whichever it has; several processes may try at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, text

from earshot.errors import FeedbackError

CONNECTION = "connection"
"""Where `migrations/env.py` finds the connection to use."""
SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x0EA25407
"""Any number, as long as nobody else takes it for an advisory lock of the same PostgreSQL database."""


def migrate(engine: Engine) -> None:
    """Bring a database up to date, or leave it as it is: all steps are one transaction.

    Raises:
        FeedbackError: A newer version of Earshot wrote the database.
        SQLAlchemyError: The database cannot be reached, or does not allow it.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Whoever comes second waits, and finds nothing left to do. SQLite's transaction is such a lock by itself.
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.attributes[CONNECTION] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise FeedbackError(
                "the feedback database was written by a newer version of Earshot: install that version, "
                "or name another database"
            ) from error
