"""The tables, as the code sees them; `migrations/` is how a database gets them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData()


class Words(TypeDecorator[str]):
    """Text that any database takes: Postgres refuses NUL, and UTF-8 half a pair of surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what could not be stored."""
        del dialect
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()


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
    Column("title", Words, nullable=False),
    Column(
        "status", String(16), nullable=False, doc="running, succeeded, failed, cancelled or lost"
    ),
    Column("server", String(64), nullable=False, doc="The runtime that ran it"),
    Column("started", Float, nullable=False, doc="Unix time"),
    Column("ended", Float),
    Column("progress", JSON, doc="done, total, message"),
    Column("log", Words, nullable=False, server_default="", doc="The tail of the log"),
    Column("result", JSON),
    Column("kind", String(32), nullable=False, server_default="tool", doc="What sort of work"),
    Column("updated", Float, nullable=False, server_default="0", doc="When it last told something"),
    Column("asks", JSON, doc="Questions that wait for an answer, by their keys"),
    Column("home", String(64), nullable=False, server_default="", doc="As `storage.home`"),
    Column("seen", Float, nullable=False, server_default="0", doc="When its server last wrote it"),
    Index("ix_jobs_owner_started", "owner", "started"),
    Index("ix_jobs_status", "status"),
)

token_families = Table(
    "token_families",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False, doc="What the token is for, as its maker said"),
    Column("form", String(16), nullable=False, doc="refreshing or static"),
    Column("maker", JSON, nullable=False, doc="The principal that made it: id, name, kind, …"),
    Column("scopes", JSON, nullable=False),
    Column("toolsets", JSON, doc="Names; null for all"),
    Column("notebooks", JSON, nullable=False, doc="Globs; empty for all"),
    Column("secret_hash", String(64), nullable=False, server_default="", doc="Of a static token"),
    Column("created", Float, nullable=False, doc="Unix time"),
    Column("expires", Float, nullable=False, doc="Unix time, the end of the whole family"),
    Column("used", Float, doc="When it was last shown or refreshed"),
    Column("revoked", Float, doc="When it was ended; null while it is good"),
    Column("reason", Text, nullable=False, server_default="", doc="Why it was ended"),
    Index("ix_token_families_secret_hash", "secret_hash"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", String(64), primary_key=True, doc="SHA-256; the token itself is kept nowhere"),
    Column("family", String(64), nullable=False),
    Column("created", Float, nullable=False),
    Column("used", Float, doc="When it was exchanged; a second time is theft"),
    Index("ix_refresh_tokens_family", "family"),
)

switches = Table(
    "switches",
    metadata,
    Column("target", String(200), primary_key=True, doc="'*' or one principal, token or client"),
    Column("mode", String(16), nullable=False, doc="paused, read_only or ended"),
    Column("by", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("principal", String(200), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("arguments_hash", String(64), nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("by", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_approvals_principal_tool", "principal", "tool"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, doc="Without gaps, from 1"),
    Column("at", Float, nullable=False, doc="Unix time"),
    Column("kind", String(32), nullable=False, doc="call, or what else happened"),
    Column("principal", String(200), nullable=False, server_default=""),
    Column("client", String(200), nullable=False, server_default=""),
    Column("door", String(32), nullable=False, server_default=""),
    Column("operation", String(200), nullable=False, server_default=""),
    Column("outcome", String(32), nullable=False, server_default=""),
    Column("record", Text, nullable=False, doc="All of it as canonical JSON: what is hashed"),
    Column("hash", String(64), nullable=False, doc="SHA-256 of the hash before and the record"),
    Index("ix_audit_at", "at"),
    Index("ix_audit_principal_at", "principal", "at"),
    Index("ix_audit_operation_at", "operation", "at"),
)

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("id", Integer, primary_key=True, doc="The last record that retention took away"),
    Column("hash", String(64), nullable=False, doc="Its hash, with which the chain goes on"),
    Column("at", Float, nullable=False),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("name", String(16), primary_key=True, doc="Always 'head': the table has one row"),
    Column("id", Integer, nullable=False, doc="The newest record"),
    Column("hash", String(64), nullable=False, doc="Its hash, so that a cut end is seen too"),
)

pins = Table(
    "pins",
    metadata,
    Column("source", String(200), primary_key=True, doc="The package or server that offers it"),
    Column("tool", String(200), primary_key=True),
    Column("hash", String(64), nullable=False, doc="Of the approved definition; empty for none"),
    Column("definition", JSON, doc="The approved definition"),
    Column("seen_hash", String(64), nullable=False, server_default=""),
    Column("seen", JSON, doc="The definition that waits for approval"),
    Column("approved", Boolean, nullable=False),
    Column("by", String(200), nullable=False, server_default=""),
    Column("at", Float, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("space", String(32), primary_key=True, doc="What they are for, such as cache"),
    Column("key", String(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires", Float, nullable=False, doc="Unix time"),
    Index("ix_entries_expires", "expires"),
)

workflow_runs = Table(
    "workflow_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("principal", JSON, nullable=False, doc="Who asked, with what they may do: nodes act so"),
    Column("name", Words, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_hash", String(64), nullable=False),
    Column("template", String(200), nullable=False, server_default="", doc="name@version, or none"),
    Column("parameters", JSON, nullable=False),
    Column("seeds", JSON, doc="Outputs of nodes that an earlier run has done, by their ids"),
    Column("parent", String(64), nullable=False, server_default="", doc="The run it goes on from"),
    Column("deduplication", String(200), nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0", doc="Higher is sooner"),
    Column("status", String(16), nullable=False, doc="As jupyter_mcp.toolsets.workflows.states"),
    Column("wanted", String(16), nullable=False, server_default="", doc="paused or cancelled"),
    Column("executor", String(64), nullable=False, server_default="", doc="The worker's lease"),
    Column("created", Float, nullable=False, doc="Unix time"),
    Column("admitted", Float, doc="When a worker took it from the queue"),
    Column("started", Float),
    Column("updated", Float, nullable=False, server_default="0"),
    Column("ended", Float),
    Column("reason", Words, nullable=False, server_default="", doc="Why it waits, in one line"),
    Column("error", JSON, doc="code, message, remedy, node"),
    Column(
        "untrusted",
        String(200),
        nullable=False,
        server_default="",
        doc="The first tool that brought it what strangers wrote",
    ),
    Column("home", String(64), nullable=False, server_default="", doc="As `storage.home`"),
    Index("ix_workflow_runs_owner_created", "owner", "created"),
    Index("ix_workflow_runs_status", "status"),
    Index("ix_workflow_runs_updated", "updated"),
)

workflow_nodes = Table(
    "workflow_nodes",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("node", String(200), primary_key=True, doc="Its id; of a subworkflow's, node.id"),
    Column("status", String(16), nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("input", JSON),
    Column("output", JSON),
    Column("error", JSON, doc="code, message, remedy"),
    Column("progress", JSON, doc="done, total, message"),
    Column("log", Words, nullable=False, server_default="", doc="The tail of the log"),
    Column("memo", JSON, doc="What an attempt has to know of the one before: a deadline, a handle"),
)

workflow_answers = Table(
    "workflow_answers",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("node", String(200), primary_key=True),
    Column("answer", JSON, nullable=False, doc="approved, and the fields that were filled in"),
    Column("by", String(200), nullable=False),
    Column("at", Float, nullable=False),
)

workflow_leases = Table(
    "workflow_leases",
    metadata,
    Column("executor", String(64), primary_key=True, doc="Unique for each start of a worker"),
    Column("host", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(32), nullable=False, doc="Of the interpreter's schema"),
    Column("started", Float, nullable=False),
    Column("expires", Float, nullable=False, doc="Unix time after which others take its runs"),
    Column("home", String(64), nullable=False, server_default=""),
)

workflow_templates = Table(
    "workflow_templates",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("version", String(64), primary_key=True, doc="semver"),
    Column("spec", JSON, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("at", Float, nullable=False),
)

workflow_schedules = Table(
    "workflow_schedules",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("principal", JSON, nullable=False),
    Column("name", Words, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("cron", String(200), nullable=False),
    Column("timezone", String(64), nullable=False, server_default="UTC"),
    Column("next", Float, nullable=False, doc="Unix time"),
    Column("last", Float),
    Column("last_run", String(64), nullable=False, server_default=""),
    Column("is_on", Boolean, nullable=False),
    Column("home", String(64), nullable=False, server_default=""),
    Index("ix_workflow_schedules_next", "next"),
)
