"""Looks whether the policy's file changed, and puts it in force without a restart.

The file's state is asked for each second, in a thread: that works on every file system, and a
second is soon enough for an administrator who saves it and tries.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.change_stamp import stamp_of
from jupyter_mcp.security.policy.policy import Policy
from jupyter_mcp.storage.background import Threads

SECONDS = 1.0
"""How often is looked."""

_log = logging.getLogger(__name__)


class PolicyWatch:
    """Watches one file.

    Args:
        policy: What to put in force.
        file: Its file.
        threads: Threads for looking.
        seconds: How often is looked.
    """

    def __init__(
        self, policy: Policy, file: Path, threads: Threads, seconds: float = SECONDS
    ) -> None:
        self._policy = policy
        self._file = file
        self._threads = threads
        self._seconds = seconds
        self._stamp: Any = object()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def look(self) -> None:
        """Put the file in force if it is not the one that was looked at last."""
        stamp = await self._threads.run(stamp_of, self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            await self._policy.reload()
        except ToolError as error:
            now = "only the person here gets in" if self._policy.is_closed else "the old one stays"
            _log.warning("The policy was refused, %s: %s", now, error)
        except Exception:  # noqa: BLE001 - the next look may find a better file
            _log.exception("The policy could not be read, what was in force stays.")
