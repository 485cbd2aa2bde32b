"""What sandboxes of one server stand on, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.sessions.attaching import Attaching
from jupyter_mcp.toolsets.sandboxes.sessions.engines import Engines
from jupyter_mcp.toolsets.sandboxes.sessions.known import Register
from jupyter_mcp.toolsets.sandboxes.sessions.quota import Quota
from jupyter_mcp.toolsets.sandboxes.sessions.snapshots import Snapshots
from jupyter_mcp.toolsets.sandboxes.sessions.store import Records


@dataclass(frozen=True, slots=True)
class Ground:
    """The parts of a server's sandboxes.

    Args:
        settings: The administrator's settings.
        namespace: Which servers share sandboxes.
        clock: Tells the time.
        tasks: The owner of background tasks.
        engines: The backends.
        register: The sandboxes that are known.
        records: What is remembered of them.
        quota: Slots and names.
        attaching: The agents.
        snapshots: Files to begin with.
    """

    settings: Any
    namespace: str
    clock: Callable[[], float]
    tasks: Spawner
    engines: Engines
    register: Register
    records: Records
    quota: Quota
    attaching: Attaching
    snapshots: Snapshots
