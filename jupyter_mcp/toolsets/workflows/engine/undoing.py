"""What a compensation tells while it works: its node has ended, so its run says it."""

from __future__ import annotations

from typing import Any

from jupyter_mcp.toolsets.workflows.engine.running import Running

TAKING = {"done": 0, "total": None, "message": "is being taken back", "is_undo": True}
"""What a node tells while it is taken back: it stays where that is cut off."""


def undo_name(node: str) -> str:
    """Return the name of the step that takes a node back."""
    return f"undo:{node}"


class Undoing(Running):
    """A work that takes back what a node did.

    It may wait for the server, or for a person who approves it; that is why its run still goes on.
    """

    __slots__ = ()

    def tell(self, **columns: Any) -> None:
        """Tell that it has begun; the rest is nobody's."""
        if columns.get("status") == "running":
            self._mark(is_taking=True)
            self._say("")

    def waits(self, reason: str) -> None:
        """Tell why it waits; an empty reason when it goes on."""
        self._mark(is_taking=not reason)
        self._say(reason)

    async def progress(self, done: float, total: float | None, message: str) -> None:  # noqa: ARG002
        """Tell what it waits for: a person, as long as `done` is below zero."""
        self.gives_way(done)
        self._mark(is_taking=done >= 0)
        self._say(message)

    def _mark(self, *, is_taking: bool) -> None:
        """Tell whether it may have begun: what only waited has taken nothing back."""
        if "[" not in self._name:  # elements of maps have no records
            progress = TAKING if is_taking else None
            self.services.recorder.node(self.run, self._name, progress=progress)

    @property
    def _name(self) -> str:
        return self.node.removeprefix(undo_name(""))

    def _say(self, more: str) -> None:
        told = f"Taking back '{self._name}'"
        self.services.recorder.run(self.run, reason=f"{told}: {more}" if more else f"{told}.")
