"""A run of a workflow in a notebook, live: its graph, its nodes, and what a person can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.widgets.background import Caller
from jupyter_mcp.widgets.live_view import STATIC, LiveView

ENDED = frozenset({"succeeded", "failed", "cancelled", "compensated"})
"""The states that a run does not leave."""

ALLOWED = frozenset(
    f"workflow_{word}" for word in ("pause", "resume", "cancel", "retry", "fork", "answer")
)
"""The tools that a view may ask for, and only for the run that it shows."""


class WorkflowView(LiveView):
    """A run of a workflow, as a widget.

    Args:
        client: Calls the tools.
        workflow_id: Identifier of the run.
    """

    _esm = STATIC / "workflow-view.js"
    _css = STATIC / "workflow-view.css"

    def __init__(self, client: Caller, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        super().__init__(client, "workflow")

    def _message(self) -> dict[str, Any]:
        try:
            run = self._run()
        except ToolError as error:
            if error.code == "not_found":  # it was deleted, or is not kept any longer
                self._is_over = True
                self.status = f"{self._name}: gone"
            raise
        self._is_over = run["status"] in ENDED
        self._name = f"workflow {run['name']}"
        self.status = f"{self._name}: {run['status']}"
        return {"kind": "run", "run": run}

    def _run(self) -> Any:
        """Return the run, with the node that is open whole."""
        given = {"workflow_id": self.workflow_id}
        if self._opened:
            try:
                return self._client.call("workflow_get", **given, node=self._opened).structured
            except ToolError as error:
                if error.code != "not_found":
                    raise  # else a retry has not come to that part of a map yet
        return self._client.call("workflow_get", **given).structured

    def _asked(self, tool: str, given: Mapping[str, Any]) -> Any:
        if tool not in ALLOWED:
            raise ToolError("invalid_arguments", f"This view does not call '{tool}'.")
        return self._client.call(tool, **{**given, "workflow_id": self.workflow_id})

    def _answered(self, value: Mapping[str, Any]) -> None:
        # A retry and a fork are runs of their own: they are what is shown from now on.
        if (other := value.get("workflow_id", self.workflow_id)) != self.workflow_id:
            self.workflow_id, self._is_over = other, False
