"""Where the live views of sandboxes come from; they need the extra ``widgets``."""

from __future__ import annotations

from typing import Any

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
        raise CallError(
            "unavailable",
            f"Live views need '{error.name}', which is not installed beside this kernel.",
            "pip install 'jupyter-mcp-workbench[widgets]', then restart the kernel.",
        ) from None
