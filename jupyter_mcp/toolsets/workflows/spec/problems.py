"""What is wrong with a spec, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jupyter_mcp.errors import ToolError

LISTED = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a spec, in one line.

    Args:
        place: Where, as a path: ``nodes[2].retry.attempts``; empty for the whole.
        message: What is wrong.
        remedy: What to do about it.
        line: The line in the text, from 1 on; 0 where there is no text.
        column: The column, from 1 on.
    """

    place: str
    message: str
    remedy: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = self.place
        if self.line:
            mark = f"line {self.line}, column {self.column}"
            where = f"{where} ({mark})" if where else mark
        told = f"{where}: {self.message}" if where else self.message
        return " ".join(f"{told} {self.remedy}".split())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        found: dict[str, Any] = {"place": self.place, "message": self.message}
        if self.remedy:
            found["remedy"] = self.remedy
        if self.line:
            found |= {"line": self.line, "column": self.column}
        return found


def refuse(problems: Sequence[Problem]) -> NoReturn:
    """Raise what is wrong: the first in words, all of them in the data.

    Raises:
        ToolError: ``invalid_arguments``.
    """
    first, more = problems[0], len(problems) - 1
    also = f" ({more} more: see the problems.)" if more else ""
    told = str(Problem(first.place, first.message, "", first.line, first.column))
    raise ToolError(
        "invalid_arguments",
        f"The workflow is not right. {told}{also}",
        first.remedy,
        data={"problems": [problem.to_json() for problem in problems[:LISTED]]},
    )
