"""The errors that a person, a model or a script gets to see.

Every failure that somebody can do something about is a `ToolError`: a code that programs can
branch on, one line of what went wrong, and one line of what to do next. Every room may import it,
as it may `plain`, so it imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ToolError(Exception):
    """A failure with a remedy.

    Args:
        code: A short stable word, such as ``not_found``, ``invalid_arguments``, ``conflict``,
            ``forbidden``, ``unsupported``, ``timeout``, ``cancelled``, ``kernel_dead``,
            ``too_large``, ``unavailable``, ``upstream``, ``rate_limited``, ``busy``, ``internal``.
        message: One line that says what went wrong.
        remedy: One line that says what to do next; empty when there is nothing to do.
        data: JSON-able details, such as the diff of a conflict, or ``retry_after``: the seconds
            after which another try makes sense.
    """

    def __init__(
        self, code: str, message: str, remedy: str = "", *, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = _one_line(message)
        self.remedy = _one_line(remedy)
        self.data = dict(data or {})

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def to_json(self) -> dict[str, Any]:
        """Return the structured form that results carry beside the text."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.remedy:
            error["remedy"] = self.remedy
        if self.data:
            error["data"] = self.data
        return error


def _one_line(text: str) -> str:
    return " ".join(text.split())
