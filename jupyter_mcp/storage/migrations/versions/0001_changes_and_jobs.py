"""The change log of notebooks and the jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("principal", sa.String(200), nullable=False),
        sa.Column("client", sa.String(200), nullable=False, server_default=""),
        sa.Column("call_id", sa.String(64), nullable=False, server_default=""),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("cell_id", sa.String(64), nullable=False, server_default=""),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.Column("revision_before", sa.String(64), nullable=False, server_default=""),
        sa.Column("revision_after", sa.String(64), nullable=False, server_default=""),
        sa.Column("undone_by", sa.Integer),
    )
    op.create_index("ix_changes_path_id", "changes", ["path", "id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("server", sa.String(64), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("progress", sa.JSON),
        sa.Column("log", sa.Text, nullable=False, server_default=""),
        sa.Column("result", sa.JSON),
    )
    op.create_index("ix_jobs_owner_started", "jobs", ["owner", "started"])
    op.create_index("ix_jobs_status", "jobs", ["status"])


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("jobs")
    op.drop_table("changes")
