"""Alembic's entry: runs the steps on the connection that `earshot.feedback.migration` brings, in its transaction.

To write a new step after a change of `tables.py`: copy the last file in `versions/`, and name it as its predecessor.
A test compares what the steps make with what the tables say.
"""

from __future__ import annotations

from alembic import context

from earshot.feedback.migration import CONNECTION
from earshot.feedback.tables import Base

context.configure(
    connection=context.config.attributes[CONNECTION],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
