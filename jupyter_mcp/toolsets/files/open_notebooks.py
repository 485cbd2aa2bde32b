"""Which notebooks somebody has open, and what a file tool must not do to a notebook.

A notebook that is open lives in memory: what is written to its file is lost, or takes the place of
what a person has just typed. Notebooks also have a change log and undo, which a written file passes
by. So a notebook that is there is changed by the notebook tools only, and one that is open is not
replaced by a copy or a merge either. New notebooks may be written, if they are notebooks.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.paths import shown

SUFFIX = ".ipynb"
OURS = "jupyter-mcp"
"""What our own presence in a live document calls itself."""


class OpenNotebooks:
    """Looks who has a notebook open.

    Args:
        panel: The connected JupyterLab pages; None for none.
        ydoc: The extension app of jupyter-collaboration; None without it.
    """

    def __init__(self, panel: Any = None, ydoc: Any = None) -> None:
        self._panel = panel
        self._ydoc = ydoc

    def is_open(self, path: str) -> bool:
        """Return whether a person has a notebook open."""
        if self._panel is not None and self._panel.connected(path):
            return True
        server = getattr(self._ydoc, "ywebsocket_server", None)
        return server is not None and any(
            getattr(getattr(room, "_document", None), "path", None) == path
            and any(getattr(client, "path", "") != OURS for client in room.clients)
            for room in server.rooms.values()
        )

    def refuse_open(self, path: str) -> None:
        """Raise for a notebook that somebody has open.

        Raises:
            ToolError: ``conflict``.
        """
        if path.endswith(SUFFIX) and self.is_open(path):
            raise ToolError(
                "conflict",
                f"Somebody has the notebook '{shown(path)}' open.",
                "Ask them to close it, or change its cells with cell_edit.",
            )


def refuse_change(path: str) -> ToolError:
    """Return the error for writing over a notebook."""
    return ToolError(
        "conflict",
        f"'{shown(path)}' is a notebook, which may be open and has an undo log.",
        "Use notebook_read and cell_edit; delete it first to write it anew.",
    )


def check_notebook(path: str, data: bytes) -> None:
    """Raise for what is called a notebook and is none.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    import nbformat

    try:
        nbformat.validate(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError):
        raise ToolError(
            "invalid_arguments",
            f"'{shown(path)}' would be no valid notebook.",
            "Make it with notebook_create and cell_insert.",
        ) from None
