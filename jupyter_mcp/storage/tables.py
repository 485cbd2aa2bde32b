"""The tables, as the code sees them; `migrations/` is how a database gets them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False, doc="Unix time"),
    Column("principal", String(200), nullable=False),
    Column("client", String(200), nullable=False, server_default=""),
    Column("call_id", String(64), nullable=False, server_default=""),
    Column("path", Text, nullable=False, doc="Notebook, relative to the server's root"),
    Column("action", String(32), nullable=False, doc="insert, edit, delete, move or undo"),
    Column("cell_id", String(64), nullable=False, server_default=""),
    Column("before", JSON, doc="The cell before; null when there was none"),
    Column("after", JSON, doc="The cell after; null when it is gone"),
    Column("revision_before", String(64), nullable=False, server_default=""),
    Column("revision_after", String(64), nullable=False, server_default=""),
    Column("undone_by", Integer, doc="The change that took this one back"),
    Index("ix_changes_path_id", "path", "id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column(
        "status", String(16), nullable=False, doc="running, succeeded, failed, cancelled or lost"
    ),
    Column("server", String(64), nullable=False, doc="The runtime that ran it"),
    Column("started", Float, nullable=False, doc="Unix time"),
    Column("ended", Float),
    Column("progress", JSON, doc="done, total, message"),
    Column("log", Text, nullable=False, server_default="", doc="The tail of the log"),
    Column("result", JSON),
    Index("ix_jobs_owner_started", "owner", "started"),
    Index("ix_jobs_status", "status"),
)
