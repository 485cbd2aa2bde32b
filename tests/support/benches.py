"""One bench for all backends: a sandbox is made, Python runs in it, and nothing may be left."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.config import Settings
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.channel import ByteChannel
from jupyter_mcp.toolsets.sandboxes.spec import MIB, Capabilities, Limits, SandboxSpec

LOCAL = ("process", "landlock", "bubblewrap")
ISOLATED = ("landlock", "bubblewrap", "docker")
ALL = (*LOCAL, "docker")
SMALL = Limits(memory=192 * MIB, pids=48, nofile=256, tmp=16 * MIB, disk=256 * MIB)


@dataclass
class Bench:
    """A backend, and the sandboxes that a test made with it."""

    backend: Backend
    state: Path
    namespace: str
    settings: Settings
    executor: Executor
    tasks: Supervisor
    made: list[Handle] = field(default_factory=list)

    def spec(self, number: int = 0, **changes: Any) -> SandboxSpec:
        identifier = f"sb-{self.namespace[-8:]}{number:04x}"
        spec = SandboxSpec(identifier, "ann", self.namespace, 2e9, 1e9, limits=SMALL)
        return replace(spec, **changes)

    async def create(self, number: int = 0, **changes: Any) -> Handle:
        handle = await self.backend.create(self.spec(number, **changes))
        self.made.append(handle)
        return handle

    async def start(self, handle: Handle, code: str, *arguments: str) -> ByteChannel:
        return await self.backend.channel(handle, ["python3", "-I", "-S", "-c", code, *arguments])

    async def run(self, handle: Handle, code: str, *arguments: str) -> str:
        """Return what a Python program prints in the sandbox."""
        channel = await self.start(handle, code, *arguments)
        said = b""
        while data := await channel.read(65536):
            said += data
        await channel.close()
        return said.decode().strip() or channel.complaint()

    async def can(self) -> Capabilities:
        return await self.backend.probe()

    async def clear(self) -> None:
        for handle in self.made:
            await self.backend.destroy(handle)
        assert await self.backend.list(self.namespace) == []
        await self.backend.stop()
        await self.tasks.stop()
        self.executor.stop()


def make_backend(name: str, settings: Settings, state: Path, executor: Any, tasks: Any) -> Backend:
    module = importlib.import_module(f"jupyter_mcp.toolsets.sandboxes.backends.{name}")
    kind = getattr(module, f"{name.capitalize()}Backend")
    parts = (settings,) if name == "docker" else (settings, state)
    backend: Backend = kind(*parts, executor, tasks)
    return backend


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on these backends."""
    return pytest.mark.parametrize("bench", names, indirect=True)
