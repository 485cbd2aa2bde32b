"""A workspace that holds more than it may: no engine here has a quota for it, so it is looked at.

Over the limit all that runs inside is ended and files can be deleted but not written, until a look
finds it below again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.places.fallback import FallbackPlace
from jupyter_mcp.toolsets.sandboxes.places.place import SandboxPlace
from jupyter_mcp.workplace import Entry


class _Unwritable:
    """Files that can be read, moved and deleted, but not written."""

    name: str

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Refuse to write."""
        del path, data, overwrite, revision
        raise ToolError(
            "too_large",
            f"The workspace of {self.name} holds more than it may.",
            "Delete files there first (file_delete, or rm in terminal_run).",
        )


class FullPlace(_Unwritable, SandboxPlace):
    """A sandbox that holds more than it may."""


class FullBarePlace(_Unwritable, FallbackPlace):
    """The same without an agent."""
