"""What a job is, when something was last told of it, and what it waits for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; a job of an older version last told something when it ended or began."""
    op.add_column("jobs", sa.Column("kind", sa.String(32), nullable=False, server_default="tool"))
    op.add_column("jobs", sa.Column("updated", sa.Float, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("asks", sa.JSON))
    op.execute("UPDATE jobs SET updated = COALESCE(ended, started)")


def downgrade() -> None:
    """Drop them."""
    op.drop_column("jobs", "asks")
    op.drop_column("jobs", "updated")
    op.drop_column("jobs", "kind")
