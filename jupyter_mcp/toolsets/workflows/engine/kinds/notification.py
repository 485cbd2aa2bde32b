"""Notification nodes: somebody is told, and told again where that failed."""

from __future__ import annotations

import json
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Notification

TOOL = "workflow_notify"
"""The server's tool for what only the server can do: Jupyter events and notes in the panel."""

LONGEST = {"subject": 300, "body": 10_000}
"""Characters of what that tool takes."""

NOTE = 40
"""Characters that say that a text was shortened, at most."""

INSIDE = frozenset({"event", "panel"})

REMEDIES = {"email": "Let the administrator set c.JupyterMCP.workflow_smtp."}
"""What to do where a channel is not there."""


async def notify(running: Running) -> Any:
    """Return how the delivery was confirmed: ``{"channel", "confirmed"}``.

    Within the server a long text is told by how it begins and how it ends, as output of tests does
    with what counts.

    Raises:
        ToolError: It could not be delivered.
    """
    work = cast("Notification", running.work)
    to, subject, body = (_text(running, name) for name in ("to", "subject", "body"))
    running.input = {"channel": work.channel, "to": to, "subject": subject, "body": body}
    if work.channel in INSIDE:
        told = {
            "channel": work.channel,
            "subject": _shortened(subject, LONGEST["subject"]),
            "body": _shortened(body, LONGEST["body"]),
        }
        confirmed: Any = await running.call(TOOL, {"workflow_id": running.run, **told})
    else:
        send = running.services.senders.get(work.channel)
        if send is None:
            raise ToolError(
                "unavailable",
                f"This worker cannot send by '{work.channel}'.",
                REMEDIES.get(work.channel, "Let the administrator configure it."),
            )
        async with running.services.witness(running, work.channel, to):
            confirmed = dict(await send(to, subject, body, running.key))
    return {"channel": work.channel, "confirmed": confirmed}


def _text(running: Running, name: str) -> str:
    value = running.field(name)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _shortened(text: str, longest: int) -> str:
    """Return a text, or what is left of it without its middle, which says so."""
    if len(text) <= longest:
        return text
    half = (longest - NOTE) // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters left out … {text[-half:]}"
