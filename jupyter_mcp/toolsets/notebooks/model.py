"""What a notebook is to the tools: cells, edits and outputs, without any backend.

The live document, the panel and the contents manager all speak of notebooks in
these few types, so the tools above and the kernels beside them never ask which
of the three they hold. Nothing here reads or writes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

REVISION_DIGITS = 12

Output: TypeAlias = Mapping[str, Any]
"""An output in nbformat 4: ``output_type`` and its fields, text joined to one string."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it was at one moment.

    Sources and outputs carry joined text (never nbformat's list of lines).
    """

    id: str
    cell_type: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None
    attachments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """Twelve hex digits of a hash over type and source; outputs do not count."""
        return revision_of(self.cell_type, self.source)

    @property
    def private(self) -> bool:
        """Whether the person tagged the cell ``private``: agents never learn of it."""
        tags = self.metadata.get("tags", ())
        return isinstance(tags, (list, tuple)) and "private" in tags


def revision_of(*parts: str) -> str:
    """Hash ``parts`` so that no two different lists of texts share a revision by joining."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()[:REVISION_DIGITS]


def notebook_revision(cells: Iterable[Cell]) -> str:
    """Hash the order, ids and sources of ``cells``: the revision of a whole notebook."""
    return revision_of(*(part for cell in cells for part in (cell.id, cell.revision)))


@dataclass(frozen=True, slots=True)
class Append:
    """A new output below the others."""

    output: Output


@dataclass(frozen=True, slots=True)
class Extend:
    """More text for the stream output at ``index``."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Another output in the place of the one at ``index`` (a display update)."""

    index: int
    output: Output


@dataclass(frozen=True, slots=True)
class Clear:
    """No outputs any more."""


OutputChange: TypeAlias = Append | Extend | Replace | Clear


@dataclass(frozen=True, slots=True)
class Insert:
    """Put ``cell`` before position ``index`` among all cells (the length: at the end)."""

    index: int
    cell: Cell


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a cell out."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class SetSource:
    """Make ``source`` the text of a cell; a live document splices only what differs."""

    cell_id: str
    source: str


@dataclass(frozen=True, slots=True)
class SetType:
    """Turn a cell into code, markdown or raw; outputs of a former code cell go."""

    cell_id: str
    cell_type: str


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Make ``metadata`` the whole metadata of a cell."""

    cell_id: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """Put a cell at ``index``, counted after the cell was taken out of its old place."""

    cell_id: str
    index: int


Edit: TypeAlias = Insert | Delete | SetSource | SetType | SetMetadata | Move


class StaleError(Exception):
    """A cell changed between the reading that an edit was made from and its writing.

    Never shown to anybody: whoever computed the edit reads again and decides.
    """


class CellWriter(Protocol):
    """Where the outputs of a running cell go. Synchronous: called from kernel messages."""

    def begin(self) -> None:
        """Clear the outputs and the execution count, and show the cell as running."""

    def change(self, change: OutputChange) -> None:
        """Write one change; writes to a cell that was deleted meanwhile go nowhere."""

    def count(self, execution_count: int) -> None:
        """Show the number that the kernel gave to this run."""

    def end(self) -> None:
        """Show the cell as idle."""


class Document(Protocol):
    """One open notebook, live or on disk."""

    @property
    def path(self) -> str:
        """The path relative to the server's root, without a leading slash."""

    async def cells(self) -> list[Cell]:
        """Return a snapshot of all cells, private ones included (the tools filter)."""

    async def metadata(self) -> dict[str, Any]:
        """Return a copy of the notebook's metadata."""

    async def apply(self, edits: Sequence[Edit], expect: Mapping[str, str] | None = None) -> None:
        """Make all ``edits`` or none, as one change for everybody who watches.

        Args:
            edits: What to do, each on what the ones before it left.
            expect: Revisions by cell id that the edits were computed from.

        Raises:
            StaleError: If a cell in ``expect`` is gone or has another revision by now.
            ToolError: ``not_found`` for a cell that is gone.
        """

    def idle_seconds(self, cell_id: str) -> float:
        """Seconds since a person changed the source of ``cell_id``; infinity if never seen."""

    async def writer(self, cell_id: str) -> CellWriter:
        """Return the way to write outputs of ``cell_id``; ToolError ``not_found``."""

    async def save(self) -> None:
        """Flush to disk; awaited at the end of each run."""


class Backend(Protocol):
    """One way to reach notebooks: live, through a panel, or on disk."""

    async def open(self, path: str) -> Document | None:
        """Return the notebook at ``path`` if this way leads to it."""

    async def stop(self) -> None:
        """Flush what is pending and let go of everything."""
