"""Which runs of workflows have read what strangers wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; of older runs it is not known."""
    column = sa.Column("untrusted", sa.String(200), nullable=False, server_default="")
    op.add_column("workflow_runs", column)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("workflow_runs", "untrusted")
