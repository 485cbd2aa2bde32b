"""Kernels as agents see them: which one a notebook uses, what each is doing, and their life.

The kernel that a person has open for a notebook is the one used; only where there is none a new one
is started. There is no default kernel and no current notebook: every call names what it means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.execution import Execution
from jupyter_mcp.toolsets.notebooks.kernels_jupyter import JupyterKernels, KernelRecord
from jupyter_mcp.toolsets.notebooks.model import Document

State: TypeAlias = Literal["idle", "busy", "starting", "interrupting", "dead"]

INTERRUPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class KernelState:
    """A kernel and what it does.

    Args:
        record: What Jupyter knows of it.
        state: What it does now.
        busy_with: Whose code it runs: ``us`` (calls of agents) or ``others``; empty when idle.
        queued: How many runs of ours wait for it.
    """

    record: KernelRecord
    state: State
    busy_with: Literal["", "us", "others"] = ""
    queued: int = 0


class Kernels:
    """The life of kernels.

    Args:
        source: Where they come from.
        execution: The engine that runs code in them.
        open_document: Opens a notebook by its path.
    """

    def __init__(
        self,
        source: JupyterKernels,
        execution: Execution,
        open_document: Callable[[str], Awaitable[Document]],
    ) -> None:
        self._source = source
        self._execution = execution
        self._open = open_document
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def states(self) -> list[KernelState]:
        """Return all kernels that run."""
        return [self._state(record) for record in await self._source.records()]

    async def state(self, kernel_id: str) -> KernelState:
        """Return one kernel; ToolError ``not_found`` without it."""
        self._source.manager(kernel_id)
        records = await self._source.records()
        return self._state(next(record for record in records if record.id == kernel_id))

    async def resolve(self, kernel_id: str | None, path: str | None) -> str:
        """Return the kernel that a call means, started if a notebook has none.

        Raises:
            ToolError: ``invalid_arguments`` unless exactly one of the two is given.
        """
        if (kernel_id is None) == (path is None):
            raise ToolError(
                "invalid_arguments",
                "Give either kernel_id or path, to say which kernel is meant.",
                "kernel_list shows the kernels that run; kernel_start starts one.",
            )
        if kernel_id is not None:
            self._source.manager(kernel_id)
            return kernel_id
        return await self.for_notebook(str(path))

    async def find(self, kernel_id: str | None, path: str | None) -> str:
        """Return the kernel that a call means, without starting one."""
        if kernel_id is not None or path is None:
            return await self.resolve(kernel_id, path)
        document = await self._open(path)
        found = await self._source.find(document.path)
        if found is None:
            raise ToolError(
                "not_found",
                f"No kernel runs for '{document.path}', so it has no variables.",
                "Run a cell with cell_run, or start a kernel with kernel_start.",
            )
        return found

    async def for_notebook(self, path: str) -> str:
        """Return the kernel of the notebook's open session, else start one."""
        return (await self.of_document(await self._open(path)))[0]

    async def of_document(
        self, document: Document, name: str | None = None, *, folder: str | None = None
    ) -> tuple[str, bool]:
        """Return the kernel of an open notebook and whether it was started just now.

        Args:
            document: The notebook.
            name: The kernelspec to start; by default that of the notebook's metadata.
            folder: Where a kernel that is started works; by default beside the notebook.
        """
        lock = self._starting.setdefault(document.path, asyncio.Lock())
        async with lock:
            found = await self._source.find(document.path)
            if found is not None:
                await self._refuse_other(found, name, document.path)
                return found, False
            wanted = name or await self._name_for(document)
            return await self._source.start(wanted, document.path, folder), True

    async def start(self, name: str | None, path: str | None) -> tuple[str, bool]:
        """Start a kernel and wait until it answers; return its id and whether it is new.

        A notebook that has one keeps it.

        Raises:
            ToolError: ``not_found`` for an unknown name, ``conflict`` when the notebook has a
                kernel of another name, ``kernel_dead`` or ``timeout`` when it does not start.
        """
        if path is not None:
            kernel_id, new = await self.of_document(await self._open(path), name)
        else:
            kernel_id, new = await self._source.start(name or self._source.default_name, None), True
        try:
            await self._execution.language(kernel_id)
            if new:
                await self._execution.settle(kernel_id)
        except ToolError:
            if new:
                await self.stop(kernel_id)
            raise
        return kernel_id, new

    async def interrupt(self, kernel_id: str) -> KernelState:
        """Interrupt whatever the kernel runs, whosever it is, and wait a little for it to end."""
        await self._execution.interrupt(kernel_id, INTERRUPT_SECONDS)
        return await self.state(kernel_id)

    async def restart(self, kernel_id: str) -> KernelState:
        """Start the kernel's process anew; what runs in it is told that it was restarted."""
        self._source.manager(kernel_id)
        state = self._execution.state(kernel_id)
        self._execution.expect_restart(kernel_id)
        await self._source.restart(kernel_id, now=state.running or state.others)
        await self._execution.drop(kernel_id, restarted=True)
        await self._execution.settle(kernel_id)
        return await self.state(kernel_id)

    async def stop(self, kernel_id: str) -> None:
        """End the kernel."""
        await self._source.stop(kernel_id)
        await self._execution.drop(kernel_id)

    async def _refuse_other(self, kernel_id: str, name: str | None, path: str) -> None:
        running = (await self.state(kernel_id)).record.name
        if name is not None and name != running:
            raise ToolError(
                "conflict",
                f"'{path}' runs in a kernel named '{running}' already.",
                f"Use it ({kernel_id}), or stop it with kernel_stop first.",
            )

    async def _name_for(self, document: Document) -> str:
        named = (await document.metadata()).get("kernelspec", {}).get("name")
        return str(named or self._source.default_name)

    def _state(self, record: KernelRecord) -> KernelState:
        known = self._execution.state(record.id)
        if known.interrupting:
            return KernelState(record, "interrupting", "us", known.queued)
        if known.running and not known.others:
            return KernelState(record, "busy", "us", known.queued)
        # What we see ourselves is newer than the server's record, which a restart leaves as it was.
        recorded = "idle" if known.connected else record.state
        if known.others or recorded == "busy":
            return KernelState(record, "busy", "others", known.queued)
        if recorded in {"starting", "restarting"}:
            return KernelState(record, "starting")
        if recorded == "dead":
            return KernelState(record, "dead")
        return KernelState(record, "idle", "", known.queued)
