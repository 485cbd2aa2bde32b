"""The live views of sandboxes, jobs and workflows; they need the extra ``widgets``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mcp.ipython.display import Table
from jupyter_mcp.ipython.failure import CallError


def view(what: str, client: Any, sandbox: str) -> Any:
    """Return a live view of a sandbox.

    Args:
        what: ``terminal`` or ``screen``.
        client: Calls the tools.
        sandbox: Identifier or name of the sandbox.

    Raises:
        ToolError: ``unavailable`` where anywidget is missing.
    """
    try:
        if what == "terminal":
            from jupyter_mcp.widgets.terminal import Terminal

            return Terminal(client, sandbox)
        from jupyter_mcp.widgets.screen import Screen

        return Screen(client, sandbox)
    except ModuleNotFoundError as error:
        raise _missing(error) from None


def jobs_view(
    client: Any, limit: int, table: Callable[[Sequence[Mapping[str, Any]]], Table]
) -> Any:
    """Return a live view of the latest jobs.

    Args:
        client: Calls the tools.
        limit: How many there are at most.
        table: Makes a table of jobs, for where no widgets are shown.

    Raises:
        ToolError: ``unavailable`` where anywidget is missing.
    """
    try:
        from jupyter_mcp.widgets.jobs_view import JobsView
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return JobsView(client, limit, table)


def workflow_view(client: Any, workflow_id: str) -> Any:
    """Return a live view of a run of a workflow.

    Args:
        client: Calls the tools.
        workflow_id: Identifier of the run.

    Raises:
        ToolError: ``unavailable`` where anywidget is missing.
    """
    try:
        from jupyter_mcp.widgets.workflow_view import WorkflowView
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return WorkflowView(client, workflow_id)


def workflow_editor(client: Any, text: str = "", file: Path | None = None) -> Any:
    """Return an editor of workflows.

    Args:
        client: Calls the tools.
        text: The spec in YAML; empty for a small one to begin with.
        file: Where it is saved; None for nowhere.

    Raises:
        ToolError: ``unavailable`` where anywidget is missing.
    """
    try:
        from jupyter_mcp.widgets.workflow_editor import EMPTY, WorkflowEditor
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return WorkflowEditor(client, text or EMPTY, file)


def _missing(error: ModuleNotFoundError) -> CallError:
    return CallError(
        "unavailable",
        f"Live views need '{error.name}', which is not installed beside this kernel.",
        "pip install 'jupyter-mcp-workbench[widgets]', then restart the kernel.",
    )
