"""The outputs of a run on their way into a file.

A file cannot take each output as it comes, so they are gathered here and written when the run is
over. A display may change long after that, by later code; then the outputs are written again, but
never over those of a run that somebody else made since.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from jupyter_mcp.toolsets.notebooks.cells import Raw, change_outputs
from jupyter_mcp.toolsets.notebooks.model import Clear, OutputChange


class ContentsWriter:
    """Gathers the outputs of one run until the document is saved.

    Args:
        cell_id: The cell.
        late: Called when something changed after the end of the run.
    """

    def __init__(self, cell_id: str, late: Callable[[], None]) -> None:
        self.cell_id = cell_id
        self.dirty = False
        self._late = late
        self._outputs: list[Raw] = []
        self._count: int | None = None
        self._ended = False
        self._written: tuple[int | None, int] | None = None

    def begin(self) -> None:
        """Forget the outputs of the run before."""
        self._outputs, self._count = [], None
        self._ended, self._written = False, None
        self.dirty = True

    def change(self, change: OutputChange) -> None:
        """Keep one change."""
        if isinstance(change, Clear):
            self._outputs = []
        else:
            change_outputs(self._outputs, change)
        self.dirty = True
        if self._ended:
            self._late()

    def count(self, execution_count: int) -> None:
        """Keep the number of the run."""
        self._count = execution_count
        self.dirty = True

    def end(self) -> None:
        """Note that the run is over: a file shows no running cells."""
        self._ended = True

    def write_to(self, cell: Raw | None, *, trusted: bool) -> None:
        """Put the outputs into `cell`; one that was deleted or turned to text gets none."""
        if cell is None or cell["cell_type"] != "code" or self._superseded(cell):
            return
        cell["outputs"] = copy.deepcopy(self._outputs)
        cell["execution_count"] = self._count
        cell["metadata"]["trusted"] = trusted
        self._written = (self._count, len(self._outputs))

    def _superseded(self, cell: Raw) -> bool:
        """Whether the outputs that were written once are no longer those in the file."""
        if self._written is None:
            return False
        return (cell["execution_count"], len(cell["outputs"])) != self._written
