"""All services of trust in one place: built by the runtime, used by policies, doors and tools."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_mcp.security.signals import Signals
from jupyter_mcp.storage import Storage


class Spawner(Protocol):
    """The owner of background tasks."""

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> Any:
        """Run `work` in a named task."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What the services of trust stand on.

    Args:
        settings: The administrator's settings (`jupyter_mcp.config.Settings`).
        state: The private folder for state.
        storage: The database.
        tasks: The owner of background tasks.
        threads: Threads for blocking work (`jupyter_mcp.calls.executor.Executor`).
    """

    settings: Any
    state: Path
    storage: Storage
    tasks: Spawner
    threads: Any


class Trust:
    """The services of trust of one runtime.

    Args:
        ground: What they stand on.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.signals = Signals()

    async def start(self) -> None:
        """Read what was decided before and begin to write the audit."""

    async def stop(self) -> None:
        """Flush what is not written yet."""
