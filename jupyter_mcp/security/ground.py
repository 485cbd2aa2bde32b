"""What the services of trust stand on; the runtime hands it to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.background import Spawner, Threads


@dataclass(frozen=True, slots=True)
class Ground:
    """What the services of trust stand on.

    Args:
        settings: The administrator's settings (`jupyter_mcp.config.Settings`).
        state: The private folder for state.
        storage: The database.
        tasks: The owner of background tasks.
        threads: Threads for blocking work.
        event_logger: Jupyter's event logger; None without a server.
        root: The server's root folder with slashes; empty where there is none.
    """

    settings: Any
    state: Path
    storage: Storage
    tasks: Spawner
    threads: Threads
    event_logger: Any = None
    root: str = ""
