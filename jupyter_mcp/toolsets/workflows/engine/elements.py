"""The elements of a map, and what is done of them.

A map is one step, so what it has done is kept in its memo: a crash repeats no element that had
ended. Writing all of it for each element would cost more than the elements, so writing takes its
turns and leaves most of the time to the work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.parts import Parts
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Map, Subworkflow
from jupyter_mcp.toolsets.workflows.spec.references import resolve

MOST = 10_000
"""The most elements of a map."""

REST = 10
"""How much longer than a write the time is until the next."""


def elements_of(work: Map, scope: Mapping[str, Any]) -> list[Any]:
    """Return the list that a map goes over.

    Raises:
        ToolError: ``invalid_arguments`` for what is no list, ``too_large`` for too long a one.
    """
    found = resolve(work.over, scope)
    if not isinstance(found, list):
        raise ToolError(
            "invalid_arguments",
            f"'{work.over}' is {type(found).__name__} and no list.",
            "Refer to a list.",
        )
    if len(found) > MOST:
        raise ToolError(
            "too_large", f"The list has {len(found):,} elements, more than {MOST:,}.", "Split it."
        )
    return found


def kept_of(work: Map, memo: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another run takes over of a map's memo: what is done, but no deadlines.

    Of subworkflows that have not ended that is what their nodes have done.
    """
    is_nested = isinstance(work.node, Subworkflow)
    return {"done": memo.get("done") or {}, "memos": memo.get("memos") or {} if is_nested else {}}


class Elements:
    """What is done of the elements of a map; also keeps the memos of their works.

    Args:
        running: The map.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._memos: dict[str, Any] = {}
        self._is_new = asyncio.Event()
        self._writing = asyncio.Lock()
        self.done: dict[int, Any] = {}

    async def load(self) -> None:
        """Find what an earlier attempt, or a worker that is gone, has done."""
        memo = await self._running.memo() or {}
        self.done = {int(index): output for index, output in (memo.get("done") or {}).items()}
        self._memos = dict(memo.get("memos") or {})

    @property
    def begun(self) -> list[int]:
        """The positions of the elements that were done, or that have noted something."""
        noted = (int(part.rpartition("[")[2].rstrip("]")) for part in self._memos)
        return sorted({*self.done, *noted})

    def part(self, index: int, element: Any, parts: Parts | None = None) -> Running:
        """Return the work that is done for an element, told of by `parts`."""
        running = self._running
        work = cast("Map", running.work)
        scope = {**running.scope, work.item_name: element}
        return running.part(f"{running.node}[{index}]", work.node, scope, self, parts)

    def add(self, index: int, output: Any) -> None:
        """Note that an element has succeeded; it is written soon."""
        self.done[index] = output
        self._is_new.set()

    async def read(self, part: str) -> Any:
        """Return the memo of an element's work."""
        return self._memos.get(part)

    async def keep(self, part: str, memo: Any) -> None:
        """Keep the memo of an element's work; it is written when this returns."""
        self._memos[part] = memo
        await self.write()

    async def write(self) -> None:
        """Write all of it."""
        async with self._writing:
            self._is_new.clear()
            done = {str(index): output for index, output in self.done.items()}
            await self._running.keep_memo({"done": done, "memos": dict(self._memos)})

    @contextlib.asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Write what is new while the block runs."""
        task = asyncio.create_task(self._write_on(), name=f"{self._running.run} elements")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _write_on(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._is_new.wait()
            began = clock()
            await self.write()
            await asyncio.sleep(REST * (clock() - began))
