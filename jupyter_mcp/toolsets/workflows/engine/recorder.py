"""What a run tells of itself while it goes on."""

from __future__ import annotations

from typing import Any, Protocol


class Recorder(Protocol):
    """Keeps what runs and nodes tell, in the tables ``workflow_runs`` and ``workflow_nodes``.

    Nothing here is waited for: what is told is written soon, in batches. A run that goes on after
    a crash tells everything again, so nothing is lost; times that are there already stay.
    """

    async def take(self, run: str, executor: str) -> None:
        """Begin with a run: what was wanted and answered before is known when this returns."""
        ...

    def leave(self, run: str) -> None:
        """Be done with a run, or leave it to another worker."""
        ...

    def run(self, run: str, **columns: Any) -> None:
        """Set columns of a run."""
        ...

    def node(self, run: str, node: str, **columns: Any) -> None:
        """Set columns of a node."""
        ...

    async def memo(self, run: str, node: str) -> Any:
        """Return what an earlier attempt at a node has noted for the next; None for nothing."""
        ...

    async def keep_memo(self, run: str, node: str, memo: Any) -> None:
        """Note something for a later attempt; it is written when this returns."""
        ...

    def wanted(self, run: str) -> str:
        """Return what is wanted of a run that goes on: ``paused``, ``cancelled`` or nothing."""
        ...

    def answer(self, run: str, node: str) -> dict[str, Any] | None:
        """Return how a person has answered an approval: ``answer``, ``by``, ``at``."""
        ...

    async def changed(self, run: str) -> None:
        """Wait until something else is wanted of a run, or somebody has answered one of its nodes.

        It returns within a quarter of a second after that was written.
        """
        ...
