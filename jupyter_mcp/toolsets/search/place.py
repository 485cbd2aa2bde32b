"""Where in a file a piece is looked for: at some lines, or in a cell.

An index gives the piece that is nearest to a line. Whoever names a line that there is not would
take it for what they asked for, so that is told instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.plain import one_line
from jupyter_mcp.toolsets.search.chunk import Chunk

_LINES = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Args:
        path: The file, as its caller names it.
        line: The first line that is meant; None for none.
        end_line: The last of a range; None for what stands at the line.
        cell_id: The notebook's cell; empty for none.

    Raises:
        ToolError: ``invalid_arguments`` for lines that cannot be, or that are of no cell.
    """

    path: str
    line: int | None = None
    end_line: int | None = None
    cell_id: str = ""

    def __post_init__(self) -> None:
        first, last = self.line, self.end_line
        if first is None and last is not None:
            raise ToolError(
                "invalid_arguments",
                f"Lines of '{self.path[:200]}' up to {last} begin nowhere.",
                "Give line, too: the first of them.",
            )
        if (first is not None and first < 1) or (last is not None and last < (first or 1)):
            raise ToolError(
                "invalid_arguments",
                f"'{self.path[:200]}' can have no lines {first}-{last}."
                if last
                else f"'{self.path[:200]}' can have no line {first}.",
                "Lines count from 1; give those of a hit.",
            )
        if first is not None and self.path.endswith(".ipynb") and not self.cell_id:
            raise ToolError(
                "invalid_arguments",
                "A place in a notebook is named by its cell: lines count in each cell anew.",
                "Give cell_id as a hit has it.",
            )

    @classmethod
    def of(cls, path: str, text: str) -> Place:
        """Return the place that a resource names: lines, as in ``10-24``, or a cell's id."""
        lines = _LINES.fullmatch(text)
        if lines is None or path.endswith(".ipynb"):
            return cls(path, cell_id=text)
        return cls(path, int(lines[1]), int(lines[2] or lines[1]))

    def check(self, piece: Chunk, file: Path) -> None:
        """See whether the place is in a file.

        Args:
            piece: What its index has there, or nearest to it.
            file: The file on the disk.

        Raises:
            ToolError: ``not_found`` for lines behind its end.
        """
        wanted = max(self.line or 0, self.end_line or 0)
        if wanted <= piece.end_line:
            return
        there = piece.end_line if self.cell_id else max(piece.end_line, _count(file))
        if wanted > there:
            where = f"Cell '{one_line(self.cell_id[:100])}' of " if self.cell_id else ""
            raise ToolError(
                "not_found",
                f"{where}'{one_line(self.path[:200])}' has {_lines(there)} and no line {wanted}.",
                "Search again: it may have changed since.",
            )


def nowhere(path: str) -> str:
    """Return the sentence on what is not there, or not for this caller."""
    return f"There is no file or folder '{one_line(path[:200])}' here."


def unfitting(glob: str) -> str:
    """Return the sentence on a glob that no file fits, or none that this caller may see."""
    return f"No file that is searched fits '{one_line(glob[:200])}'."


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def _count(file: Path) -> int:
    """Return how many lines a file has; none where it cannot be read."""
    lines, last = 0, b"\n"
    try:
        with file.open("rb") as opened:
            while part := opened.read(1 << 20):
                lines, last = lines + part.count(b"\n"), part[-1:]
    except OSError:
        return 0
    return lines + (last != b"\n")
