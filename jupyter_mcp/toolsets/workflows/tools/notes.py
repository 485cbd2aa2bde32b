"""Tells people and programs at the server what a workflow says."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from jupyter_mcp.calls import Context, Reply, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.kinds.notification import LONGEST
from jupyter_mcp.toolsets.workflows.tools.base import WorkflowToolset, one_line
from jupyter_mcp.toolsets.workflows.tools.shapes import Notified

SCHEMA = "https://events.jupyter.org/jupyter_mcp/workflow_notification/v1"
_FILE = Path(__file__).parent.parent / "schemas" / "notification.yaml"


class NoteTools(WorkflowToolset):
    """The tool that notification nodes call."""

    @tool(scope="edit", title="Tell something")
    async def workflow_notify(
        self,
        ctx: Context,
        body: Annotated[str, Field(max_length=LONGEST["body"])],
        channel: Literal["event", "panel"] = "panel",
        *,
        subject: Annotated[str, Field(max_length=LONGEST["subject"])] = "",
        workflow_id: str = "",
    ) -> Reply[Notified]:
        """Tell the people at the page (panel) or programs that listen (event)."""
        logger = None if self.host.jupyter is None else self.host.jupyter.event_logger
        if logger is None:
            raise ToolError(
                "unavailable",
                "Here is no Jupyter server that could tell it.",
                "Use the channel 'webhook' or 'email'.",
            )
        if SCHEMA not in logger.schemas:
            logger.register_event_schema(_FILE)
        told = Notified(id=f"note-{uuid.uuid4().hex[:12]}", channel=channel, delivered=True)
        data = {
            "id": told.id,
            "workflow_id": workflow_id,
            "channel": channel,
            "subject": subject,
            "body": body,
            "owner": ctx.principal.id,
        }
        logger.emit(schema_id=SCHEMA, data=data)
        return Reply(told, one_line(f"Told: {subject or body[:80]}"))
