"""How a failed call shows up for a person: one line and no traceback.

IPython asks an exception for `_render_traceback_` before it prints a stack. The stack of a failed
call leads through an event loop in another thread and tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_mcp.errors import ToolError


class CallError(ToolError):
    """A `ToolError` that came back from a server, or from the way to it."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback (its own protocol)."""
        return [f"{self.code}: {self}"]


class Unreachable(CallError):  # noqa: N818 - it names what happened
    """There is no server, or it went away: the call may have been done or not."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__("unavailable", message, remedy)


class NotLetIn(CallError):  # noqa: N818 - it names what happened
    """The server refused the token itself: the call did not happen."""


def from_json(error: Mapping[str, Any]) -> CallError:
    """Rebuild the error that `ToolError.to_json` wrote."""
    return CallError(
        str(error.get("code", "internal")),
        str(error.get("message", "The call failed.")),
        str(error.get("remedy", "")),
        data=error.get("data") or {},
    )


def cancelled() -> CallError:
    """Return the error of a call that the person stopped."""
    return CallError("cancelled", "Cancelled; the server was told to stop it.")
