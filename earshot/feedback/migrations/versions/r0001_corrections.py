"""The first form: one table of corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("text_sha256", sa.String(64), nullable=False),
        sa.Column("post_id", sa.Text),
        sa.Column("model_digest", sa.Text, nullable=False),
        sa.Column("predicted_category", sa.Text, nullable=False),
        sa.Column("predicted_secondary", sa.JSON, nullable=False),
        sa.Column("predicted_urgency", sa.Text),
        sa.Column("predicted_confidence", sa.Double),
        sa.Column("taxonomy", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("secondary", sa.JSON, nullable=False),
        sa.Column("urgency", sa.Text),
        sa.Column("reviewer", sa.Text),
        sa.Column("note", sa.Text),
        sa.UniqueConstraint("caller", "idempotency_key", name="uq_corrections_idempotency"),
    )
    op.create_index("ix_corrections_text_sha256", "corrections", ["text_sha256"])


def downgrade() -> None:
    """Remove the table, and all that it holds."""
    op.drop_table("corrections")
