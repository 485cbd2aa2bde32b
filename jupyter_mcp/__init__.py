"""The MCP workbench for Jupyter.

The public API is what stands in `__all__`, each loaded when it is first used, and the hooks by
which Jupyter and IPython find the extension. Importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mcp.calls import (
        Answer,
        Audio,
        Context,
        Embedded,
        Host,
        Image,
        JobContext,
        Link,
        Message,
        Reply,
        Text,
        Toolset,
        completer,
        prompt,
        resource,
        tool,
    )
    from jupyter_mcp.errors import ToolError
    from jupyter_mcp.ipython.client import AsyncClient, Client
    from jupyter_mcp.toolsets.search.search_index import SearchIndex
    from jupyter_mcp.toolsets.workflows.spec.building import Workflow
    from jupyter_mcp.toolsets.workflows.spec.functions import step

__all__ = [
    "Answer",
    "AsyncClient",
    "Audio",
    "Client",
    "Context",
    "Embedded",
    "Host",
    "Image",
    "JobContext",
    "Link",
    "Message",
    "Reply",
    "SearchIndex",
    "Text",
    "ToolError",
    "Toolset",
    "Workflow",
    "completer",
    "prompt",
    "resource",
    "step",
    "tool",
]

_HOMES = {
    "ToolError": "jupyter_mcp.errors",
    "Client": "jupyter_mcp.ipython.client",
    "AsyncClient": "jupyter_mcp.ipython.client",
    "SearchIndex": "jupyter_mcp.toolsets.search.search_index",
    "Workflow": "jupyter_mcp.toolsets.workflows.spec.building",
    "step": "jupyter_mcp.toolsets.workflows.spec.functions",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'jupyter_mcp' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES.get(name, "jupyter_mcp.calls")), name)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_mcp.server.extension import JupyterMCP

    return [{"module": "jupyter_mcp", "app": JupyterMCP}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "_labextension", "dest": "jupyter-mcp-workbench"}]


def load_ipython_extension(ipython: Any) -> None:
    """Add ``%mcp`` to `ipython`: what ``%load_ext jupyter_mcp`` calls."""
    from jupyter_mcp.ipython import magics

    magics.load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take ``%mcp`` away again."""
    from jupyter_mcp.ipython import magics

    magics.unload(ipython)
