"""What durable workflows need: runs and their nodes, answers, leases, templates, schedules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("principal", sa.JSON, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("spec_hash", sa.String(64), nullable=False),
        sa.Column("template", sa.String(200), nullable=False, server_default=""),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("seeds", sa.JSON),
        sa.Column("parent", sa.String(64), nullable=False, server_default=""),
        sa.Column("deduplication", sa.String(200), nullable=False, server_default=""),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False, server_default=""),
        sa.Column("executor", sa.String(64), nullable=False, server_default=""),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("admitted", sa.Float),
        sa.Column("started", sa.Float),
        sa.Column("updated", sa.Float, nullable=False, server_default="0"),
        sa.Column("ended", sa.Float),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("error", sa.JSON),
    )
    op.create_index("ix_workflow_runs_status", "workflow_runs", ["status"])
    op.create_index("ix_workflow_runs_updated", "workflow_runs", ["updated"])
    op.create_index("ix_workflow_runs_owner_created", "workflow_runs", ["owner", "created"])
    op.create_table(
        "workflow_nodes",
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("node", sa.String(200), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started", sa.Float),
        sa.Column("ended", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("input", sa.JSON),
        sa.Column("output", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("progress", sa.JSON),
        sa.Column("log", sa.Text, nullable=False, server_default=""),
        sa.Column("memo", sa.JSON),
    )
    op.create_table(
        "workflow_answers",
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("node", sa.String(200), primary_key=True),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "workflow_leases",
        sa.Column("executor", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_table(
        "workflow_templates",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "workflow_schedules",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("principal", sa.JSON, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("cron", sa.String(200), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False, server_default="UTC"),
        sa.Column("next", sa.Float, nullable=False),
        sa.Column("last", sa.Float),
        sa.Column("last_run", sa.String(64), nullable=False, server_default=""),
        sa.Column("is_on", sa.Boolean, nullable=False),
    )
    op.create_index("ix_workflow_schedules_next", "workflow_schedules", ["next"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("workflow_schedules")
    op.drop_table("workflow_templates")
    op.drop_table("workflow_leases")
    op.drop_table("workflow_answers")
    op.drop_table("workflow_nodes")
    op.drop_table("workflow_runs")
