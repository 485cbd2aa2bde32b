"""Real kernels for tests: ipykernel processes under an in-process manager, without a server."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_client.multikernelmanager import AsyncMultiKernelManager

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.toolsets.notebooks.execution import Execution, no_kernel
from jupyter_mcp.toolsets.notebooks.model import Append, Clear, Extend, OutputChange, Replace
from jupyter_mcp.toolsets.notebooks.outputs import Limits
from jupyter_mcp.toolsets.notebooks.run import RunOutcome, Work
from jupyter_mcp.toolsets.notebooks.spooling import OutputStore


class Source:
    """Kernels of a manager, as the engine sees them."""

    def __init__(self, kernels: Any) -> None:
        self.kernels = kernels
        self.interrupts = 0

    def manager(self, kernel_id: str) -> Any:
        if kernel_id not in self.kernels:
            raise no_kernel(kernel_id)
        return self.kernels.get_kernel(kernel_id)

    async def interrupt(self, kernel_id: str) -> None:
        self.interrupts += 1
        await self.kernels.interrupt_kernel(kernel_id)


class Bench:
    """An engine, its kernels and what a test wants of them."""

    kernel_id: str

    def __init__(self, folder: Path, **options: Any) -> None:
        self.kernels = AsyncMultiKernelManager(connection_dir=str(folder))
        self.tasks = Supervisor()
        self.executor = Executor(2)
        self.source = Source(self.kernels)
        self.store = OutputStore(folder / "outputs", self.executor.run)
        self.engine = self.another_engine(**options)

    def another_engine(
        self, limits: Limits | None = None, start_seconds: float = 60.0
    ) -> Execution:
        return Execution(self.source, self.tasks.spawn, self.store, limits, start_seconds)

    async def start(self, name: str = "python3", **options: Any) -> str:
        kernel_id: str = await self.kernels.start_kernel(kernel_name=name, **options)
        return kernel_id

    async def run(
        self, kernel_id: str, code: str, seconds: float | None = 60, **work: Any
    ) -> RunOutcome:
        return await self.engine.run(kernel_id, Work(code, **work), seconds)

    async def stop(self) -> None:
        await self.engine.stop()
        await self.tasks.stop()
        self.executor.stop()
        await self.kernels.shutdown_all(now=True)
        self.kernels.context.destroy(linger=0)


@asynccontextmanager
async def bench(folder: Path, **options: Any) -> AsyncIterator[Bench]:
    made = Bench(folder, **options)
    try:
        yield made
    finally:
        await made.stop()


class Cell:
    """A cell on paper: a writer that keeps what it was told and what a reader would see."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.changes: list[OutputChange] = []
        self.running = False
        self.execution_count: int | None = None
        self.begun = asyncio.Event()
        self.changed = asyncio.Event()

    def begin(self) -> None:
        self.outputs.clear()
        self.execution_count = None
        self.running = True
        self.begun.set()

    def change(self, change: OutputChange) -> None:
        self.changes.append(change)
        match change:
            case Append(output):
                self.outputs.append(dict(output))
            case Extend(index, text):
                self.outputs[index]["text"] += text
            case Replace(index, output):
                self.outputs[index] = dict(output)
            case Clear():
                self.outputs.clear()
        self.changed.set()

    def count(self, execution_count: int) -> None:
        self.execution_count = execution_count

    def end(self) -> None:
        self.running = False

    @property
    def text(self) -> str:
        return "".join(str(output.get("text", "")) for output in self.outputs)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition that no event tells, with a deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.005)


def write_kernelspec(folder: Path, name: str, argv: list[str], **fields: Any) -> None:
    """Make a kernelspec that is found when `folder` is on JUPYTER_PATH."""
    spec = {"argv": argv, "display_name": name, "language": name, **fields}
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))


PARROT = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class Parrot(Kernel):
    implementation = "parrot"
    implementation_version = "1"
    banner = "a kernel that repeats"
    language_info = {"name": "parrot", "mimetype": "text/plain", "file_extension": ".parrot"}

    async def do_execute(self, code, silent, store_history=True, user_expressions=None,
                         allow_stdin=False):
        if not silent:
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": code})
        return {"status": "ok", "execution_count": self.execution_count, "payload": [],
                "user_expressions": {}}


IPKernelApp.launch_instance(kernel_class=Parrot)
"""


def write_parrot(folder: Path) -> None:
    """Make the kernelspec of a kernel whose language is not Python."""
    script = folder / "parrot.py"
    script.write_text(PARROT)
    write_kernelspec(folder, "parrot", [sys.executable, str(script), "-f", "{connection_file}"])
