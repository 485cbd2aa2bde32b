"""All services of trust in one place: built by the runtime, used by policies, doors and tools."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from jupyter_mcp.security.access import Access
from jupyter_mcp.security.agents import Agents
from jupyter_mcp.security.approvals import Approvals
from jupyter_mcp.security.deciders import decides
from jupyter_mcp.security.leases import Leases
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.security.switch import Switch
from jupyter_mcp.security.tokens import Tokens
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
        self.leases = Leases()
        self.tokens = Tokens(ground, self.signals, self.leases)
        self.access = Access(ground, self.signals, self.leases)
        self.agents = Agents()
        self.switch = Switch(ground.storage, decides=self.decides)
        self.approvals = Approvals(
            ground.storage,
            ground.tasks,
            self.signals,
            decides=self.decides,
            seconds=ground.settings.approval_seconds,
        )

    async def start(self) -> None:
        """Read what was decided before and begin to write the audit."""
        await self.tokens.start()
        await self.access.start()
        await self.switch.start()
        await self.approvals.start()

    async def stop(self) -> None:
        """Flush what is not written yet."""
        self.leases.stop()
        await self.tokens.stop()
        await self.approvals.stop()

    def decides(self, principal: Principal) -> bool:
        """Return whether `principal` may decide what only a person decides."""
        return decides(principal)
