"""What nodes do: one file for each kind, one function in it."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp.toolsets.workflows.engine.kinds.action import act
from jupyter_mcp.toolsets.workflows.engine.kinds.analysis import analyse
from jupyter_mcp.toolsets.workflows.engine.kinds.approval import approve
from jupyter_mcp.toolsets.workflows.engine.kinds.decision import decide
from jupyter_mcp.toolsets.workflows.engine.kinds.mapping import repeat
from jupyter_mcp.toolsets.workflows.engine.kinds.notebook import run_notebook
from jupyter_mcp.toolsets.workflows.engine.kinds.notification import notify
from jupyter_mcp.toolsets.workflows.engine.kinds.processing import process
from jupyter_mcp.toolsets.workflows.engine.kinds.waiting import wait
from jupyter_mcp.toolsets.workflows.engine.running import Kind

KINDS: Mapping[str, Kind] = {
    "action": act,
    "analysis": analyse,
    "approval": approve,
    "decision": decide,
    "map": repeat,
    "notebook": run_notebook,
    "notification": notify,
    "processing": process,
    "wait": wait,
}
"""What nodes do, by kind. A subworkflow is none of these: its nodes are."""
