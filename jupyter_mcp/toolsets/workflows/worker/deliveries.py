"""What of a workflow leaves by the worker, in the audit.

Tools are called at the server, which records them; mails and webhooks are not. Their records go to
the end of the same chain. An address may be a secret itself, as those of many webhooks are, so of
a web address only the host is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.audit import Audit, AuditOptions
from jupyter_mcp.security.secrets.redaction import Redactor
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage.faults import reason
from jupyter_mcp.toolsets.workflows.worker.book import is_passing

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.storage import Storage
    from jupyter_mcp.storage.background import Spawner
    from jupyter_mcp.toolsets.workflows.engine.running import Running

KIND = "workflow_delivery"
"""What such records are called."""

DOOR = "worker"
"""The way that deliveries take."""

AGAIN_SECONDS = 1.0
"""How often it is looked whether the audit can be written again."""


class Deliveries:
    """Records deliveries.

    Args:
        storage: The database.
        tasks: The owner of the task that writes.
        is_required: Whether nothing leaves while that cannot be recorded.
    """

    def __init__(self, storage: Storage, tasks: Spawner, *, is_required: bool = True) -> None:
        options = AuditOptions(required=is_required)
        self._storage = storage
        self._audit = Audit(storage, tasks, Signals(), options=options, cleaner=Redactor())

    async def start(self) -> None:
        """Begin to write."""
        await self._audit.start()

    async def stop(self) -> None:
        """Write all that is there."""
        await self._audit.stop()

    @contextlib.asynccontextmanager
    async def recorded(self, running: Running, channel: str, to: str) -> AsyncIterator[None]:
        """Record what becomes of the delivery that is tried within.

        It waits until that can be recorded, and so does a node whose message was taken.
        """
        owner = await self._until_ready(running)
        outcome, code = "cancelled", ""
        try:
            yield
            outcome = "succeeded"
        except ToolError as error:
            outcome, code = "denied" if error.code == "forbidden" else "failed", error.code
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._audit.event(
                KIND,
                principal=owner,
                door=DOOR,
                operation=channel,
                outcome=outcome,
                run=running.run,
                node=running.node,
                to=_where(channel, to),
                **({"error": code} if code else {}),
            )
        await self._audit.flush()

    async def _until_ready(self, running: Running) -> str:
        """Return whose run it is, as soon as something can be recorded."""
        is_told = False
        while True:
            try:
                owner = await self._storage.run(lambda connection: _owner(connection, running.run))
                await self._audit.check()
            except Exception as error:
                if not is_passing(error):
                    raise
                running.waits(reason(error))
                is_told = True
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                if is_told:
                    running.waits("")
                return owner


def _where(channel: str, to: str) -> str:
    """Return where something goes, without what may be a secret."""
    if channel != "webhook":
        return to
    try:
        parts = urlsplit(to)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _owner(connection: Connection, run: str) -> str:
    from sqlalchemy import select

    from jupyter_mcp.storage.tables import workflow_runs as runs

    return str(connection.execute(select(runs.c.owner).where(runs.c.id == run)).scalar() or "")
