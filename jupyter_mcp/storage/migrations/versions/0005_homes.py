"""Whose workflows are whose, in a database of several servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = ("workflow_runs", "workflow_leases", "workflow_schedules")


def upgrade() -> None:
    """Add the columns."""
    for table in TABLES:
        op.add_column(table, sa.Column("home", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.drop_column(table, "home")
