"""What a caller wants a cell to be, and the edits that make it so.

The rules of `cell_edit` live here: what may be asked together, how often a text to replace must
occur, and which metadata are not for agents to set. Nothing here knows a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import Cell, Edit, SetMetadata, SetSource, SetType

OURS = frozenset(["trusted"])
"""Metadata that is not for agents to set: who may run scripts in a page is the person's say."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants a cell to be; None leaves a part as it is.

    Args:
        source: The whole new source.
        old: A text that occurs exactly once in the source …
        new: … and what it becomes.
        cell_type: ``code``, ``markdown`` or ``raw``.
        metadata: Keys to set; None as a value removes the key.
    """

    source: str | None = None
    old: str | None = None
    new: str | None = None
    cell_type: str | None = None
    metadata: Mapping[str, Any] | None = None

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            ToolError: ``invalid_arguments``, ``forbidden``.
        """
        if self.source is not None and (self.old is not None or self.new is not None):
            raise _invalid("Both source and old/new are given.", "Give one of the two.")
        if (self.old is None) != (self.new is None):
            raise _invalid(
                "An exact replacement needs both old and new.",
                "Give both; new may be empty to remove the text.",
            )
        if self.old == "":
            raise _invalid("old is empty.", "Give the text to replace, or the whole source.")
        if self == Wish():
            raise _invalid(
                "There is nothing to change.",
                "Give source, or old and new, or cell_type, or metadata.",
            )
        if OURS & set(self.metadata or ()):
            raise ToolError(
                "forbidden", "Trust in outputs is not for agents to set.", "Leave out 'trusted'."
            )

    def rewrites(self, cell: Cell) -> bool:
        """Whether something of what is in the cell gets lost; metadata are set key by key."""
        retyped = self.cell_type not in (None, cell.cell_type)
        return retyped or (self.source is not None and clean(self.source) != cell.source)

    def edits(self, cell: Cell) -> list[Edit]:
        """Return what turns `cell` into what is wanted; empty when it is so already.

        Raises:
            ToolError: ``no_match`` where `old` does not occur exactly once.
        """
        edits: list[Edit] = []
        source = cell.source if self.source is None else clean(self.source)
        if self.old is not None:
            source = _replaced(cell, clean(self.old), clean(self.new or ""))
        if self.cell_type not in (None, cell.cell_type):
            edits.append(SetType(cell.id, str(self.cell_type)))
        if source != cell.source:
            edits.append(SetSource(cell.id, source))
        if self.metadata:
            metadata = _merged(cell, self.metadata)
            if (self.cell_type or cell.cell_type) != "code":
                metadata.pop("trusted", None)  # only outputs are trusted or not
            if metadata != dict(cell.metadata):
                edits.append(SetMetadata(cell.id, metadata))
        return edits


def clean(source: str) -> str:
    r"""Return `source` as a notebook can hold it.

    Line ends become ``\n``, for editors in the browser count each as one character.

    Raises:
        ToolError: ``invalid_arguments`` for half a surrogate pair, which is no text.
    """
    try:
        source.encode()
    except UnicodeEncodeError:
        raise ToolError(
            "invalid_arguments",
            "The source holds half of a surrogate pair, which is no valid text.",
            "Send the character itself, or its full pair of escapes.",
        ) from None
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _invalid(message: str, remedy: str) -> ToolError:
    return ToolError("invalid_arguments", message, remedy)


def _replaced(cell: Cell, old: str, new: str) -> str:
    matches = cell.source.count(old)
    overlapping = sum(cell.source.startswith(old, i) for i in range(len(cell.source)))
    if max(matches, overlapping) == 1:
        return cell.source.replace(old, new)
    found = "does not occur" if not matches else f"occurs {overlapping} times"
    raise ToolError(
        "no_match",
        f"The old text {found} in cell '{cell.id}'; it must match exactly once.",
        "Read the cell with cell_read and copy the text exactly."
        if not matches
        else "Give more of the text around it.",
        data={"matches": overlapping, "revision": cell.revision},
    )


def _merged(cell: Cell, changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**cell.metadata, **changes}
    metadata = {key: value for key, value in merged.items() if value is not None}
    if replace(cell, metadata=metadata).private:
        raise ToolError(
            "forbidden",
            "Only people make cells private; an agent could not find the cell any more.",
            "Leave out the tag 'private'.",
        )
    return metadata
