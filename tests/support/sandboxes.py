"""A runtime with sandboxes in a temporary state folder, on a backend that a test chooses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jupyter_mcp.calls import Toolset
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes
from support.runtimes import running

LOCAL = ("bubblewrap", "landlock", "process")
"""Backends that need no engine."""

ANN, BEN = "user:ann", "user:ben"


def settings_for(backend: str, **settings: Any) -> dict[str, Any]:
    """Return the settings of a runtime whose sandboxes come from one backend and no pool."""
    chosen: dict[str, Any] = {
        "toolsets": ("sandboxes",),
        "sandbox_backends": (backend,),
        "sandbox_min_isolation": "process",
        "sandbox_pool": 0,
    }
    return chosen | settings


@asynccontextmanager
async def sandbox_runtime(
    folder: Path, backend: str = "process", **settings: Any
) -> AsyncIterator[Runtime]:
    """Start a runtime with the sandboxes toolset; all its sandboxes are destroyed at the end."""
    async with kept_runtime(folder, backend, **settings) as runtime:
        try:
            yield runtime
        finally:
            await destroy_all(sandboxes_of(runtime))


@asynccontextmanager
async def kept_runtime(
    folder: Path, backend: str = "process", **settings: Any
) -> AsyncIterator[Runtime]:
    """Start such a runtime whose sandboxes stay when it stops, as those of a server do.

    It runs in `folder`, which makes its namespace: on an engine that all tests share, each sees
    the sandboxes of its own folder only.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - it takes a moment
    with contextlib.chdir(folder):
        async with running(folder, **settings_for(backend, **settings)) as runtime:
            sandboxes_of(runtime)  # made at its first use, which has to be in the loop
            yield runtime


def sandboxes_of(runtime: Runtime) -> Sandboxes:
    """Return the service of a runtime."""
    found: Any = _toolset(runtime)
    service: Sandboxes = found.sandboxes
    return service


def _toolset(runtime: Runtime) -> Toolset:
    return next(each for each in runtime.catalog.toolsets if each.name == "sandboxes")


@asynccontextmanager
async def serving(
    runtime: Runtime, clock: Callable[[], float] | None = None, interval: float = 3600.0
) -> AsyncIterator[Sandboxes]:
    """Run one more service over a runtime, with a clock of the test's own, as another server."""
    service = Sandboxes(runtime.host, *([clock] if clock else []), interval=interval)
    service.start()
    try:
        yield service
    finally:
        await service.stop()


async def destroy_all(service: Sandboxes) -> None:
    """Destroy every sandbox of a runtime's namespace."""
    for each in await service.list(None):
        await service.destroy(each.id, None)


async def run(service: Sandboxes, sandbox: str, *argv: str, owner: str | None = ANN) -> str:
    """Run a command inside to its end and return what it wrote."""
    finished = await (await service.place(sandbox, owner)).run(argv)
    assert finished.exit_code == 0, finished
    return finished.stdout.decode()


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds that no event tells."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
