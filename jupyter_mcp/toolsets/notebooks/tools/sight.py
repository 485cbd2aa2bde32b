"""What of notebooks and kernels a caller gets to see in a list.

A call that names a notebook is refused before it gets here. A list names none, so it leaves out
what the same policy would refuse to read.
"""

from __future__ import annotations

from typing import Any

from jupyter_mcp.calls import Context, Host


class Sight:
    """What one caller sees.

    Args:
        host: What the runtime offers; its policy decides.
        ctx: Whose call it is.
    """

    def __init__(self, host: Host, ctx: Context) -> None:
        self._policy: Any = host.trust.policy
        self._principal = ctx.principal

    def notebook(self, path: str) -> bool:
        """Return whether they see that the notebook is there."""
        return bool(self._policy.shows(self._principal, path))

    def folder(self, path: str) -> bool:
        """Return whether they see that the folder is there."""
        return bool(self._policy.shows_folder(self._principal, path))

    def of_kernel(self, paths: list[str]) -> list[str] | None:
        """Return which of its notebooks they see of a kernel; None when they do not see it."""
        if not paths:
            return [] if self._policy.shows_pathless(self._principal) else None
        return [path for path in paths if self.notebook(path)] or None
