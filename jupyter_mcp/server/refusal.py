"""How our routes say no: a status, one line of what is wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from jupyter_mcp.errors import ToolError


class Refused(Exception):  # noqa: N818 - it names what happened at the door
    """A request that does not get in.

    Args:
        status: The HTTP status.
        error: What is wrong and what to do.
        headers: More headers of the answer.
    """

    def __init__(
        self, status: int, error: ToolError, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = dict(headers or {})
