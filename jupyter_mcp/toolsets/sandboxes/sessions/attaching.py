"""Connects to the agents inside, when somebody needs one, and tells when one is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.agent.source import agent_argv
from jupyter_mcp.toolsets.sandboxes.backend import Backend, Handle
from jupyter_mcp.toolsets.sandboxes.sessions.known import Known
from jupyter_mcp.toolsets.sandboxes.sessions.outfit import Outfit

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.link.link import Link

_log = logging.getLogger(__name__)


class Attaching:
    """The agents of this server.

    Args:
        outfit: What agents get once they have an owner.
        tasks: The owner of background tasks.
    """

    def __init__(self, outfit: Outfit, tasks: Spawner) -> None:
        self._outfit = outfit
        self._tasks = tasks
        self._listeners: list[Callable[[str], None]] = []

    def on_end(self, callback: Callable[[str], None]) -> None:
        """Have `callback` told the identifier of each sandbox whose agent is gone."""
        self._listeners.append(callback)

    async def connect(self, backend: Backend, handle: Handle) -> Link:
        """Start an agent in a sandbox, or find what stands for one where there is no python3.

        Raises:
            ToolError: ``not_found``, ``conflict``, ``unavailable``.
        """
        from jupyter_mcp.toolsets.sandboxes.link.link import Link
        from jupyter_mcp.toolsets.sandboxes.places.bare import BareLink, has_python

        channel = await backend.channel(handle, agent_argv())
        try:
            return await Link.open(channel, self._tasks)
        except ToolError:
            if await has_python(backend, handle):
                raise
        return BareLink(backend, handle, self._tasks)

    async def attach(self, known: Known, link: Link | None = None) -> Link:
        """Connect to a sandbox's agent; its lock is held.

        Args:
            known: The sandbox.
            link: An agent that runs there already, as in a member of the pool.
        """
        link = link or await self.connect(known.backend, known.handle)
        try:
            worn = await self._outfit.put_on(link, has_network=known.record.has_network)
        except BaseException:
            await link.close()
            raise
        known.link, known.worn = link, worn
        self._tasks.spawn(f"sandbox {known.id}", self._watch(known, link))
        return link

    async def detach(self, known: Known) -> None:
        """End a sandbox's agent, and with it all that it started."""
        link, worn, known.link, known.worn = known.link, known.worn, None, None
        if link is None:
            return
        if worn is not None:
            await worn.stop()
        await link.close()

    def tell(self, sandbox_id: str) -> None:
        """Tell everybody who asked that a sandbox, or its agent, is gone."""
        for listener in self._listeners:
            try:
                listener(sandbox_id)
            except Exception:  # noqa: BLE001 - the others have to let go too
                _log.exception("After the end of sandbox %s.", sandbox_id)

    async def _watch(self, known: Known, link: Link) -> None:
        """Tell when an agent is gone, whoever ended it."""
        await link.closed.wait()
        if known.link is link:
            await self.detach(known)
        self.tell(known.id)
