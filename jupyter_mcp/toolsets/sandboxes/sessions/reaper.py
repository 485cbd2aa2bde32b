"""Ends what is over: expired sandboxes, members of pools whose server is gone, full workspaces.

One task, at the start of the server and every half minute. Where no sandbox was ever made it looks
at a folder and imports nothing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.process_marks import is_gone
from jupyter_mcp.toolsets.sandboxes.backend import Handle
from jupyter_mcp.toolsets.sandboxes.sessions.ground import Ground
from jupyter_mcp.toolsets.sandboxes.sessions.holding import Holding
from jupyter_mcp.toolsets.sandboxes.sessions.known import Known
from jupyter_mcp.toolsets.sandboxes.sessions.making import Making
from jupyter_mcp.toolsets.sandboxes.spec import Limits, Usage

INTERVAL_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Reaper:
    """Looks after what there is.

    Args:
        ground: What sandboxes stand on.
        making: Whose pool knows its members.
        holding: Knows when a sandbox is over, and ends it.
        interval: Seconds between two rounds.
    """

    def __init__(
        self,
        ground: Ground,
        making: Making,
        holding: Holding,
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._ground = ground
        self._making = making
        self._holding = holding
        self._interval = interval
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Look at once and then again and again, until `stop`."""
        while not self._stopped.is_set():
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - what fails once is tried again, and told
                _log.exception("Sandboxes cannot be looked after; the next round tries again.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._interval)

    def stop(self) -> None:
        """Have `run` end, also where a library swallows that its task is cancelled."""
        self._stopped.set()

    async def look(self) -> None:
        """Do one round."""
        engines = await self._ground.engines.used()
        if not engines:
            return
        members = await self._ground.register.refresh(engines)
        await asyncio.gather(
            *(self._look_at(known) for known in self._ground.register),
            *(self._look_at_member(engine, handle) for engine, handle in members),
        )
        await self._ground.snapshots.prune()

    async def _look_at(self, known: Known) -> None:
        try:
            if reason := self._holding.reason_to_end(known):
                await self._holding.end(known, reason)
                return
            if known.users and known.record.paused is None:
                await self._keep(known)
            if known.is_attached and known.record.paused is None:
                await self.look_at_disk(known)
        except ToolError as error:
            _log.debug("Sandbox %s cannot be looked after: %s", known.id, error)

    async def _keep(self, known: Known) -> None:
        """Tell other servers that a sandbox is in use, until long after the next round."""
        now = self._ground.clock()
        known.record = replace(known.record.used(now), busy=now + 3 * self._interval)
        await self._holding.save(known)

    async def look_at_disk(self, known: Known) -> None:
        """End what runs in a sandbox that holds more than it may, and refuse writing there."""
        if known.handle.is_lost:
            return
        is_full = is_over(await known.backend.usage(known.handle), known.handle.spec.limits)
        if is_full:
            _log.warning("The workspace of sandbox %s is over its limit.", known.id)
            await self._ground.attaching.detach(known)
        if is_full != known.record.is_full:
            known.record = replace(known.record, is_full=is_full)
            await self._holding.save(known)

    async def _look_at_member(self, engine: str, handle: Handle) -> None:
        """Destroy a member whose server is gone, or that is over."""
        spec = handle.spec
        if self._making.pool.owns(spec.id) or spec.id in self._ground.register.making:
            return
        if handle.is_lost or is_gone(spec.name) or self._ground.clock() >= spec.expires:
            try:
                await (await self._ground.engines.backend(engine)).destroy(handle)
            except ToolError as error:
                _log.debug("Sandbox %s of a pool cannot be destroyed: %s", spec.id, error)


def is_over(usage: Usage, limits: Limits) -> bool:
    """Whether a workspace holds more than it may."""
    return usage.disk is not None and usage.disk > limits.disk
