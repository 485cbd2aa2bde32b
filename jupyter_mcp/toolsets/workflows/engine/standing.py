"""Whether a run works or only waits, told by what its nodes tell of themselves."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.recorder import Recorder


class Standing:
    """The recorder of one run: it also tells when all that goes on in the run only waits.

    Args:
        recorder: Where it is told.
        run: The run.
        hollow: Nodes that consist of others, which do not count.
    """

    def __init__(self, recorder: Recorder, run: str, hollow: Container[str]) -> None:
        self._recorder = recorder
        self._run = run
        self._hollow = hollow
        self._going: dict[str, str] = {}
        self._status = "running"
        self._is_paused = False

    def pause(self, *, is_paused: bool) -> None:
        """Tell whether the run is paused."""
        self._is_paused = is_paused
        self._tell()

    async def take(self, run: str, executor: str) -> None:
        """Begin with a run."""
        await self._recorder.take(run, executor)

    def leave(self, run: str) -> None:
        """Be done with a run."""
        self._recorder.leave(run)

    def run(self, run: str, **columns: Any) -> None:
        """Set columns of the run."""
        self._recorder.run(run, **columns)

    def node(self, run: str, node: str, **columns: Any) -> None:
        """Set columns of a node."""
        self._recorder.node(run, node, **columns)
        status = columns.get("status")
        if status is None or self._is_told(node):
            return
        if status in {"running", "waiting"} and node not in self._hollow:
            self._going[node] = status
        else:
            self._going.pop(node, None)
        if node not in self._hollow:
            self._tell()

    async def memo(self, run: str, node: str) -> Any:
        """Return what an earlier attempt at a node has noted."""
        return await self._recorder.memo(run, node)

    async def keep_memo(self, run: str, node: str, memo: Any) -> None:
        """Note something for a later attempt."""
        await self._recorder.keep_memo(run, node, memo)

    def wanted(self, run: str) -> str:
        """Return what is wanted of the run."""
        return self._recorder.wanted(run)

    def answer(self, run: str, node: str) -> dict[str, Any] | None:
        """Return how a person has answered an approval."""
        return self._recorder.answer(run, node)

    async def changed(self, run: str) -> None:
        """Wait until something else is wanted or answered."""
        await self._recorder.changed(run)

    def _is_told(self, node: str) -> bool:
        """Return whether it is in an element of a map, which tells of itself what this one does."""
        return any(node[:at] in self._going for at, sign in enumerate(node) if sign == "[")

    def _tell(self) -> None:
        waits = set(self._going.values()) == {"waiting"}
        status = "paused" if self._is_paused else "waiting" if waits else "running"
        if status != self._status:
            self._status = status
            self._recorder.run(self._run, status=status)
