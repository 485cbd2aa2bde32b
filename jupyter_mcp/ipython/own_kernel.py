"""Keeps a cell from waiting for itself.

A call that runs code in the kernel it was made from can never end: the kernel is busy with the cell
that waits for the call. The kernel knows who it is, so the mistake is caught before it is made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_mcp.ipython.failure import CallError

WAITING_TOOLS = frozenset({"cell_run", "kernel_execute", "variables_list", "variable_inspect"})
"""Tools that wait for the kernel that they are about."""


def refuse(name: str, arguments: Mapping[str, Any], root: str = "") -> None:
    """Refuse a call that would wait for the kernel that makes it.

    Args:
        name: The tool.
        arguments: Its arguments.
        root: The server's root folder, to which ``path`` is relative; empty when not known.

    Raises:
        CallError: ``unsupported``, with what to do instead.
    """
    if name not in WAITING_TOOLS or arguments.get("background"):
        return
    mine = kernel_id()
    if mine and (arguments.get("kernel_id") == mine or _is_own(arguments.get("path"), root)):
        raise CallError(
            "unsupported",
            f"'{name}' would wait for this kernel, which is busy with the cell that calls it.",
            "Run the code in a cell of its own, name another notebook, or use background=true.",
        )


def kernel_id() -> str:
    """Return the id of the kernel that this process is; empty outside of one."""
    if "ipykernel" not in sys.modules:
        return ""
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Application

    app = Application.instance() if Application.initialized() else None
    if not isinstance(app, IPKernelApp):  # a terminal's IPython is an application too
        return ""
    return Path(app.connection_file).stem.removeprefix("kernel-")


def _is_own(path: Any, root: str) -> bool:
    session = os.environ.get("JPY_SESSION_NAME", "")
    if not isinstance(path, str) or not path or not session:
        return False
    if root:
        return Path(root, path) == Path(session)
    return Path(session).as_posix().endswith("/" + path.strip("/"))
