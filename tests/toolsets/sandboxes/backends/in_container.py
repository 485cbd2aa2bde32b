"""Runs the local backends where only Python is: with the few parts that they need."""

from __future__ import annotations

import asyncio
import importlib
import sys
import tempfile
import types
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SOURCES = Path(sys.argv[1])
CODE = (
    "import os\n"
    "try: open('/tmp/outside', 'w'); print('DONE')\n"
    "except OSError: print('refused', os.getuid())\n"
)

for name in ("", ".storage", ".security", ".toolsets", ".toolsets.sandboxes"):
    room = types.ModuleType(f"jupyter_mcp{name}")  # their own __init__ wants libraries
    room.__path__ = [str(SOURCES / f"jupyter_mcp{name}".replace(".", "/"))]
    sys.modules[room.__name__] = room


class Threads:
    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


class Tasks:
    def spawn(self, _name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work)


async def main(name: str, state: Path) -> None:
    errors = importlib.import_module("jupyter_mcp.errors")
    spec = importlib.import_module("jupyter_mcp.toolsets.sandboxes.spec")
    module = importlib.import_module(f"jupyter_mcp.toolsets.sandboxes.backends.{name}")
    settings = SimpleNamespace(sandbox_min_isolation="landlock")
    kind = getattr(module, f"{name.capitalize()}Backend")
    backend = kind(settings, state, Threads(), Tasks())
    try:
        handle = await backend.create(spec.SandboxSpec("sb-1", "ann", "test", 2e9, 1e9))
    except errors.ToolError as error:
        print(name, error)  # noqa: T201 - the test reads it
        return
    channel = await backend.channel(handle, ["python3", "-I", "-S", "-c", CODE])
    said = await channel.read(1000)
    await channel.close()
    await backend.destroy(handle)
    print(name, said.decode().strip(), channel.complaint())  # noqa: T201 - likewise


with tempfile.TemporaryDirectory() as folder:
    for each in ("bubblewrap", "landlock"):
        asyncio.run(main(each, Path(folder)))
