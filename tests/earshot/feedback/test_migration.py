from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from earshot.feedback.migration import SCRIPTS
from earshot.feedback.store import FeedbackStore, parse_database
from earshot.feedback.tables import Base


def test_the_steps_make_what_the_tables_say(database: str) -> None:
    FeedbackStore.open(database).close()
    engine = create_engine(parse_database(database))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_steps_follow_each_other_in_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1
