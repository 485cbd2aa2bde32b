"""Audits for tests: a database, its audit, and calls to record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_mcp.calls import Call
from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.security.audit.audit import Audit, AuditOptions
from jupyter_mcp.security.audit.records import Ended
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage import Storage
from support.runtimes import OWNER

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


def a_tool(
    name: str = "t", scope: Any = "read", schema: Mapping[str, Any] = SCHEMA, **marks: Any
) -> Tool:
    """A tool that does nothing."""
    return Tool(
        name=name,
        toolset="ts",
        scope=scope,
        function=lambda: None,
        signature=Signature(name, lambda: None, schema),
        **marks,
    )


def ended(arguments: Mapping[str, Any] | None = None, **tool: Any) -> Ended:
    """A call that went well."""
    call = Call(a_tool(**tool), {}, OWNER, "test", client="probe 1")
    return Ended(call, arguments or {}, "succeeded", "", 0.001)


@asynccontextmanager
async def auditing(
    folder: Path, url: str = "", *, cleaner: Any = None, **options: Any
) -> AsyncIterator[Audit]:
    """An audit that writes, with its own database and signals."""
    storage, tasks = Storage(folder, url), Supervisor()
    audit = Audit(storage, tasks, Signals(), options=AuditOptions(**options), cleaner=cleaner)
    await audit.start()
    try:
        yield audit
    finally:
        await audit.stop()
        await tasks.stop()
        storage.stop()
