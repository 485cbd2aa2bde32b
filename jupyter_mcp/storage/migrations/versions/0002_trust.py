"""What trust needs: tokens, approvals, the stop button, the audit, pins, shared entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "token_families",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("maker", sa.JSON, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("toolsets", sa.JSON),
        sa.Column("notebooks", sa.JSON, nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False, server_default=""),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("used", sa.Float),
        sa.Column("revoked", sa.Float),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_token_families_secret_hash", "token_families", ["secret_hash"])
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("used", sa.Float),
    )
    op.create_index("ix_refresh_tokens_family", "refresh_tokens", ["family"])
    op.create_table(
        "switches",
        sa.Column("target", sa.String(200), primary_key=True),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("principal", sa.String(200), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("arguments_hash", sa.String(64), nullable=False),
        sa.Column("summary", sa.Text, nullable=False, server_default=""),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("ix_approvals_principal_tool", "approvals", ["principal", "tool"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("principal", sa.String(200), nullable=False, server_default=""),
        sa.Column("client", sa.String(200), nullable=False, server_default=""),
        sa.Column("door", sa.String(32), nullable=False, server_default=""),
        sa.Column("operation", sa.String(200), nullable=False, server_default=""),
        sa.Column("outcome", sa.String(32), nullable=False, server_default=""),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_principal_at", "audit", ["principal", "at"])
    op.create_index("ix_audit_operation_at", "audit", ["operation", "at"])
    op.create_table(
        "audit_anchors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "audit_heads",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "pins",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("tool", sa.String(200), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("definition", sa.JSON),
        sa.Column("seen_hash", sa.String(64), nullable=False, server_default=""),
        sa.Column("seen", sa.JSON),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("by", sa.String(200), nullable=False, server_default=""),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("space", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("ix_entries_expires", "entries", ["expires"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("entries")
    op.drop_table("pins")
    op.drop_table("audit_heads")
    op.drop_table("audit_anchors")
    op.drop_table("audit")
    op.drop_table("approvals")
    op.drop_table("switches")
    op.drop_table("refresh_tokens")
    op.drop_table("token_families")
