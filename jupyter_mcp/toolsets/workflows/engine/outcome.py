"""How a node ended: what is kept of it for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from jupyter_mcp.errors import ToolError

Ended = Literal["succeeded", "failed", "skipped", "cancelled", "compensated"]


class Skipped(Exception):  # noqa: N818 - no error: the node's own spec says so
    """A node that had begun is skipped after all."""


class Cancelled(Exception):  # noqa: N818 - no error: something else has failed
    """A node that had begun is left where it is, as nothing new may begin any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a node ended.

    Args:
        status: Whether it did its work.
        output: JSON data that others refer to.
        error: ``code``, ``message`` and ``remedy`` of a failure.
        started: Unix time of the first attempt.
        ended: Unix time.
        attempts: How often it was tried.
        input: What it worked with, its references replaced.
    """

    status: Ended
    output: Any = None
    error: dict[str, str] | None = None
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    input: Any = None

    @property
    def is_done(self) -> bool:
        """Whether it ended as it should, so that nobody tries it again."""
        return self.status in {"succeeded", "skipped"}

    def to_json(self) -> dict[str, Any]:
        """Return the form that is stored."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Outcome:
        """Return what `to_json` stored."""
        return cls(**stored)

    def in_scope(self) -> dict[str, Any]:
        """Return what references and expressions see of it.

        A node that was skipped has the output null, so that a join may refer to both branches.
        """
        return {"status": self.status, "output": self.output}


def told(error: ToolError) -> dict[str, str]:
    """Return an error as nodes and runs keep it."""
    return {"code": error.code, "message": error.message, "remedy": error.remedy}
