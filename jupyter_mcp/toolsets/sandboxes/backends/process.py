"""Plain processes of this account in a private folder: no isolation, only limits of each process.

For machines where nothing else works and everybody who may use sandboxes may use the account
anyway. It begins nothing unless the administrator has set `sandbox_min_isolation` to it.
"""

from __future__ import annotations

import sys
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.backends.local import LocalBackend
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, Isolation


class ProcessBackend(LocalBackend):
    """Sandboxes that are folders and processes."""

    name = "process"

    def _tried(self) -> Capabilities:
        if sys.platform != "linux":
            what = "Sandboxes of plain processes need Linux."
            raise ToolError("unavailable", what, "Use Docker.")
        if self._settings.sandbox_min_isolation != Isolation.PROCESS:
            raise ToolError(
                "unavailable",
                "Plain processes are not isolated and not allowed here.",
                "An administrator allows them with sandbox_min_isolation = 'process'.",
            )
        limits, notes = self._limits()
        return Capabilities(
            backend=self.name,
            isolation=Isolation.PROCESS,
            limits=limits,
            has_network_namespace=False,
            can_pause=True,
            has_images=False,
            version="plain processes",
            notes=(
                "Not isolated: programs inside can read and write whatever this account can.",
                "Programs inside use this machine's network.",
                "Lent folders keep the path that they have on this machine.",
                *notes,
            ),
        )

    def _policy(self, handle: Handle, argv: list[str]) -> dict[str, Any]:
        folders = {part: str(self._folder(handle.ref, part)) for part in ("home", "tmp")}
        folders["ceiling"] = str(self._folder(handle.ref))
        return {
            "argv": argv,
            "cwd": str(self._folder(handle.ref, "workspace")),
            "env": self._environment(folders, handle.spec),
        }
