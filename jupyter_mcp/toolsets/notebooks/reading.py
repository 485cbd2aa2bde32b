"""Notebooks made small enough to read: outlines, pages of cells, outputs in a line.

A model pays for every byte it reads, so nothing here is whole unless it is short. The pages of
one notebook are told apart by an opaque cursor that finds its place again by the next cell's id,
also when cells were added above meanwhile.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jupyter_mcp.errors import ToolError
from jupyter_mcp.printed.text import without_ansi
from jupyter_mcp.toolsets.notebooks.model import Cell, Output, notebook_revision, revision_of

Detail = Literal["outline", "cells"]

PAGE_BYTES = 9_000
"""What the cells of a page take as structured content and as text together."""

HEAD = 80
SOURCE = 3_000
"""Bytes of one cell's source in a page of cells."""

OUTPUTS = 6
"""Outputs of one cell that are told in a page."""

KIB = 1024


@dataclass(frozen=True, slots=True)
class CellSummary:
    """A cell in an outline or a page.

    Args:
        id: Its id.
        type: ``code``, ``markdown`` or ``raw``.
        revision: Its revision.
        head: Its heading or first line; in an outline.
        source: Its source; in a page of cells.
        cut: How many characters of the source were left out.
        lines: How many lines it has, where they are more than one.
        run: Its execution count.
        outputs: Each output in a line.
    """

    id: str
    type: str
    revision: str
    head: str | None = None
    source: str | None = None
    cut: int | None = None
    lines: int | None = None
    run: int | None = None
    outputs: list[str] | None = None

    def to_text(self) -> str:
        """Return the summary as a line, or a few, to read."""
        run = f" [{self.run}]" if self.run is not None else ""
        outputs = "".join(f"\n  → {line}" for line in self.outputs or ())
        if self.source is None:
            lines = f" +{self.lines - 1} lines" if self.lines else ""
            return f"{self.id} {self.revision} {self.type}{run}: {self.head}{lines}{outputs}"
        more = f"\n… {self.cut} more characters, see cell_read" if self.cut else ""
        return f"--- {self.id} {self.revision} {self.type}{run}\n{self.source}{more}{outputs}"

    @property
    def size(self) -> int:
        """Bytes that it takes on the wire, structured and as text."""
        structured = {key: value for key, value in asdict(self).items() if value is not None}
        return sum(
            len(json.dumps(value, ensure_ascii=False).encode()) + 2
            for value in (structured, self.to_text())
        )


@dataclass(frozen=True, slots=True)
class NotebookPage:
    """A part of a notebook.

    Args:
        path: The notebook.
        revision: Its revision.
        total: How many cells it has.
        cells: The cells of this page.
        next_cursor: Where the next page begins; None at the end.
    """

    path: str
    revision: str
    total: int
    cells: list[CellSummary]
    next_cursor: str | None = None

    def to_text(self) -> str:
        """Return the page to read."""
        more = f"\n(more cells: cursor='{self.next_cursor}')" if self.next_cursor else ""
        title = f"{self.path} revision={self.revision}, {self.total} cells\n"
        return title + "\n".join(cell.to_text() for cell in self.cells) + more


def page(path: str, cells: Sequence[Cell], detail: Detail, cursor: str | None) -> NotebookPage:
    """Return the page of `cells` that `cursor` points at, or the first one.

    Args:
        path: The notebook.
        cells: All its visible cells.
        detail: Whether to give heads or sources.
        cursor: As the page before gave it.

    Raises:
        ToolError: ``invalid_arguments`` for a cursor of another notebook or of nowhere,
            ``conflict`` when the cell that it pointed at is gone.
    """
    start = 0 if cursor is None else _start(path, cells, detail, cursor)
    chosen: list[CellSummary] = []
    room = PAGE_BYTES
    for cell in cells[start:]:
        summary = summarise(cell, detail)
        room -= summary.size
        if room < 0 and chosen:
            break
        chosen.append(summary)
    following = start + len(chosen)
    more = _cursor(path, cells[following].id, detail) if following < len(cells) else None
    return NotebookPage(path, notebook_revision(cells), len(cells), chosen, more)


def summarise(cell: Cell, detail: Detail) -> CellSummary:
    """Return `cell` for an outline or a page of cells."""
    outputs = [output_line(output) for output in cell.outputs[:OUTPUTS]]
    if len(cell.outputs) > OUTPUTS:
        outputs.append(f"{len(cell.outputs) - OUTPUTS} more outputs")
    lines = cell.source.count("\n") + 1
    whole = detail == "cells"
    source = cell.source.encode("utf-8", "replace")[:SOURCE].decode("utf-8", "ignore")
    cut = len(cell.source) - len(source) if whole else 0
    return CellSummary(
        id=cell.id,
        type=cell.cell_type,
        revision=cell.revision,
        head=None if whole else head_of(cell),
        source=source if whole else None,
        cut=cut or None,
        lines=lines if lines > 1 and not whole else None,
        run=cell.execution_count,
        outputs=outputs or None,
    )


def head_of(cell: Cell) -> str:
    """Return a cell's first heading, or its first line with something in it."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    headings = [line for line in lines if line.startswith("#")] if cell.cell_type != "code" else []
    return shorten((headings or lines or [""])[0], HEAD)


def shorten(text: str, size: int) -> str:
    """Return `text`, cut to `size` characters."""
    return text if len(text) <= size else text[: size - 1] + "…"


def output_line(output: Output) -> str:
    """Return an output in one line: what it is, how large, how it begins."""
    kind = output.get("output_type")
    if kind == "error":
        evalue = _first_line(without_ansi(str(output.get("evalue", ""))))
        return shorten(f"{output.get('ename', 'Error')}: {evalue}", HEAD)
    if kind == "stream":
        return _text_line(str(output.get("name", "stdout")), str(output.get("text", "")))
    return _data_line(output.get("data") or {})


def _data_line(data: Mapping[str, Any]) -> str:
    for mime, value in data.items():
        if mime.startswith("image/"):
            size = len(str(value)) if mime == "image/svg+xml" else len(str(value)) * 3 // 4
            return f"{mime} {_size(size)}"
    rich = [mime for mime in data if mime != "text/plain"]
    label = rich[0] if rich else "text/plain"
    return _text_line(label, str(data.get("text/plain", data.get(label, ""))))


def _text_line(label: str, text: str) -> str:
    text = without_ansi(text)
    size = len(text.encode("utf-8", "replace"))
    shown = f" {_size(size)}" if size > HEAD or "\n" in text.strip() else ""
    return f"{label}{shown}: {shorten(_first_line(text), HEAD)}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _size(size: int) -> str:
    if size < KIB:
        return f"{size} B"
    return f"{size / KIB:.1f} KB" if size < KIB * KIB else f"{size / KIB / KIB:.1f} MB"


def _cursor(path: str, cell_id: str, detail: Detail) -> str:
    text = json.dumps([detail, revision_of(path), cell_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _start(path: str, cells: Sequence[Cell], detail: Detail, cursor: str) -> int:
    try:
        kept = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        kept_detail, place, cell_id = kept
    except (ValueError, TypeError):
        raise _bad_cursor("The cursor is none of ours.") from None
    if (kept_detail, place) != (detail, revision_of(path)):
        raise _bad_cursor("The cursor belongs to another notebook or level of detail.")
    for index, cell in enumerate(cells):
        if cell.id == cell_id:
            return index
    raise ToolError(
        "conflict",
        "The cell where this page began is gone.",
        "Read the notebook from its first page, without a cursor.",
    )


def _bad_cursor(message: str) -> ToolError:
    return ToolError(
        "invalid_arguments", message, "Leave it out to begin, or use next_cursor as it came."
    )
