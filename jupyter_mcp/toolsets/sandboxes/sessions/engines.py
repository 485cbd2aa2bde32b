"""Which backends there are, and which one a sandbox gets.

The strongest that works is the default and what is asked for by name is got or refused: nothing
falls back to a weaker level without a word. A backend's module, and the library behind it, is
imported when it is first needed.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner, Threads
from jupyter_mcp.toolsets.sandboxes.backend import Backend
from jupyter_mcp.toolsets.sandboxes.sessions.marks import Marks, is_shared
from jupyter_mcp.toolsets.sandboxes.sessions.store import MARGIN_SECONDS, SPACE, Store
from jupyter_mcp.toolsets.sandboxes.spec import Capabilities, Isolation

LEVELS: Mapping[str, Isolation] = {
    "docker": Isolation.CONTAINER,
    "bubblewrap": Isolation.BUBBLEWRAP,
    "landlock": Isolation.LANDLOCK,
    "process": Isolation.PROCESS,
}
"""The backends of the settings and what they give."""

_CLASSES = {
    "docker": "DockerBackend",
    "bubblewrap": "BubblewrapBackend",
    "landlock": "LandlockBackend",
    "process": "ProcessBackend",
}


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A backend, and whether it works here.

    Args:
        name: Its name in the settings.
        level: The isolation that it gives.
        capabilities: What it can do; None when it cannot be used.
        reason: Why not.
    """

    name: str
    level: Isolation
    capabilities: Capabilities | None
    reason: ToolError | None = None


class Engines:
    """The backends of one server.

    Args:
        settings: The administrator's settings.
        state: The server's state folder.
        threads: Threads for blocking work.
        tasks: The owner of background tasks.
        store: Returns what servers share: an engine may have sandboxes of another one.
    """

    def __init__(
        self,
        settings: Any,
        state: Path,
        threads: Threads,
        tasks: Spawner,
        store: Callable[[], Store],
    ) -> None:
        self._settings = settings
        self._store = store
        self._folder = state / "sandboxes"
        self._marks = Marks(state)
        self._state = state
        self._threads = threads
        self._tasks = tasks
        self._made: dict[str, Backend] = {}
        self._marked: set[str] = set()
        self._lock = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """The backends that may be used, the strongest first."""
        least = Isolation(self._settings.sandbox_min_isolation)
        found = [
            name for name in self._settings.sandbox_backends if LEVELS[name].rank >= least.rank
        ]
        return sorted(found, key=lambda name: -LEVELS[name].rank)

    async def backend(self, name: str) -> Backend:
        """Return a backend of the settings."""
        async with self._lock:
            if name not in self._made:
                self._made[name] = await self._threads.run(self._make, name)
            return self._made[name]

    async def choose(self, level: Isolation | None) -> tuple[str, Backend, Capabilities]:
        """Return the strongest backend that works, or the one that gives just this level.

        Raises:
            ToolError: ``unavailable`` with what is missing.
        """
        wanted = [name for name in self.names if level is None or LEVELS[name] == level]
        reasons: list[ToolError] = []
        for name in wanted:
            found = await self._survey(name)
            if found.capabilities is not None:
                return name, self._made[name], found.capabilities
            if found.reason is not None:
                reasons.append(found.reason)
        raise _nothing(level, wanted, reasons)

    async def survey(self) -> list[Surveyed]:
        """Try every backend that may be used, the strongest first."""
        return [await self._survey(name) for name in self.names]

    async def mark_used(self, name: str) -> None:
        """Remember that a sandbox was made with a backend here: the next server looks after it."""
        if name in self._marked:
            return
        self._marked.add(name)
        await self._threads.run(self._marks.add, name)
        if is_shared(self._settings):
            with suppress(ToolError):
                await self._store().set(SPACE, f"used:{name}", b"1", MARGIN_SECONDS)

    async def used(self) -> list[str]:
        """Return the backends with which sandboxes were made, here or by a server that shares."""
        known = self._marked | await self._threads.run(self._marks.names)
        return [name for name in self.names if name in known or await self._is_shared(name)]

    async def _is_shared(self, name: str) -> bool:
        if is_shared(self._settings):
            with suppress(ToolError):
                return await self._store().get(SPACE, f"used:{name}") is not None
        return False

    async def stop(self) -> None:
        """Close what is open."""
        for backend in self._made.values():
            await backend.stop()
        self._made.clear()

    async def _survey(self, name: str) -> Surveyed:
        try:
            capabilities = await (await self.backend(name)).probe()
        except ToolError as error:
            return Surveyed(name, LEVELS[name], None, error)
        return Surveyed(name, LEVELS[name], capabilities)

    def _make(self, name: str) -> Backend:
        room = "jupyter_mcp.toolsets.sandboxes.backends"
        kind = getattr(importlib.import_module(f"{room}.{name}"), _CLASSES[name])
        parts = (self._settings,) if name == "docker" else (self._settings, self._state)
        made: Backend = kind(*parts, self._threads, self._tasks)
        return made


def _nothing(level: Isolation | None, wanted: list[str], reasons: list[ToolError]) -> ToolError:
    if not wanted:
        asked = f" with isolation '{level}'" if level else ""
        return ToolError(
            "unavailable",
            f"No backend for sandboxes{asked} may be used here.",
            "Have c.JupyterMCP.sandbox_backends and sandbox_min_isolation changed.",
        )
    said = "; ".join(
        f"{name}: {error.message}" for name, error in zip(wanted, reasons, strict=True)
    )
    return ToolError(
        "unavailable",
        f"No sandbox can be made here: {said}",
        reasons[0].remedy or "jupyter mcp doctor says what is missing.",
    )
