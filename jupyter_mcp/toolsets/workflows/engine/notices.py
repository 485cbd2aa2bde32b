"""Notices: who is told how a run has ended.

They are sent when all else of the run is over, each a durable step that is tried again like any
node. What becomes of them changes nothing of how the run has ended. A notice of a failure must not
fail for want of what the failure has prevented, so what is not there is null in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.engine.running import Running, Services

NO_ERROR = dict.fromkeys(("code", "message", "remedy", "node"), "")


def due_of(
    flow: Flow, status: str, error: Mapping[str, str] | None, services: Services
) -> dict[str, Running | None]:
    """Return what is to be sent, by the names of the notices; None for what is not.

    Args:
        flow: The run's flow, in which everything has ended.
        status: How the run has ended.
        error: What has failed.
        services: What all runs share.
    """
    scope = flow.scope()
    scope["workflow"] |= {"status": status, "error": NO_ERROR | dict(error or {})}
    due: dict[str, Running | None] = {}
    for name, notice in flow.spec.notices:
        running = Running(flow.run, name, notice.work(), scope, services, is_lenient=True)
        due[name] = running if status in notice.on else None
    return due
