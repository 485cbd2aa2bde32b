"""Ports inside sandboxes that somebody exposed, and the connections to them.

Nothing is published on the host: a connection goes through the agent's channel to the loopback
inside. Where a sandbox has no loopback of its own, that would be the host's, so it is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage.background import Spawner
from jupyter_mcp.toolsets.sandboxes.link.streams import Stream
from jupyter_mcp.toolsets.sandboxes.sessions.session import Session

if TYPE_CHECKING:
    from jupyter_mcp.toolsets.sandboxes.sessions.service import Sandboxes

PORTS_LIMIT = 32
"""Exposed ports of one sandbox."""
CONNECTIONS_LIMIT = 256
"""Connections to one exposed port at a time."""

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A port that can be reached from outside.

    Args:
        sandbox_id: The sandbox.
        port: The port inside.
        owner: Whose sandbox it is.
        ref: Stands for this exposure: the same port exposed again is another.
        listens: Whether a program listened when it was exposed.
    """

    sandbox_id: str
    port: int
    owner: str
    ref: str
    listens: bool = True


class PortConnection:
    """A connection to an exposed port; while it is open, the sandbox is in use.

    Args:
        stream: The connection through the channel.
        use: Keeps the sandbox from expiring, and closes the stream at last.
        closed: Called once when it is closed.
    """

    def __init__(
        self, stream: Stream, use: AsyncExitStack, closed: Callable[[PortConnection], None]
    ) -> None:
        self._stream = stream
        self._use = use
        self._closed = closed
        self._is_closed = False

    async def read(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit`; empty at the end.

        Raises:
            ConnectionError: When it broke off.
        """
        try:
            return await self._stream.read(limit)
        except ToolError as error:
            raise ConnectionResetError(error.message) from None

    async def write(self, data: bytes) -> None:
        """Send bytes and return when there is room again.

        Raises:
            ConnectionError: When the other side is gone.
        """
        try:
            await self._stream.write(data)
        except ToolError as error:
            raise ConnectionResetError(error.message) from None

    async def close_write(self) -> None:
        """Say that no more bytes come from here."""
        self._stream.close_write()

    async def close(self) -> None:
        """End both directions. A second time does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._closed(self)
            await self._use.aclose()


class Ports:
    """All exposed ports.

    Args:
        sandboxes: The service (`jupyter_mcp.toolsets.sandboxes.sessions.service.Sandboxes`).
        tasks: The owner of background tasks.
    """

    def __init__(self, sandboxes: Sandboxes, tasks: Spawner) -> None:
        self._sandboxes = sandboxes
        self._tasks = tasks
        self._open: dict[Key, Exposure] = {}
        self._connections: dict[Key, set[PortConnection]] = {}
        sandboxes.on_end(self._ended)

    async def expose(self, sandbox: str, port: int, owner: str | None) -> Exposure:
        """Make a port reachable; one that is already stays as it is.

        Raises:
            ToolError: ``not_found``; ``unsupported`` where the port would be the host's;
                ``unavailable`` when there are too many.
        """
        session: Session = await self._sandboxes.get(sandbox, owner)
        _check_own_loopback(session)
        key = (session.id, port)
        listens = await self._listens(session.id, port, owner)
        known = self._open.get(key)
        if known is None:
            self._check_room(session.id)
            ref = secrets.token_hex(8)
            known = Exposure(session.id, port, session.owner, ref)
            self._open[key] = known
        return Exposure(known.sandbox_id, port, known.owner, known.ref, listens)

    def exposure(self, sandbox_id: str, port: int, owner: str | None) -> Exposure:
        """Return the exposure of a port.

        Raises:
            ToolError: ``not_found`` when it is not exposed, or belongs to somebody else.
        """
        known = self._open.get((sandbox_id, port))
        if known is None or owner not in (None, known.owner):
            raise ToolError(
                "not_found",
                f"Port {port} of this sandbox is not exposed.",
                "Expose it with port_expose; it closes when the sandbox ends or is attached anew.",
            )
        return known

    async def connect(self, sandbox_id: str, port: int, owner: str | None) -> PortConnection:
        """Connect to an exposed port.

        Raises:
            ToolError: ``not_found``; ``unavailable`` when nothing listens; ``busy``.
        """
        known = self.exposure(sandbox_id, port, owner)
        key = (sandbox_id, port)
        if len(self._connections.get(key, ())) >= CONNECTIONS_LIMIT:
            what = f"Port {port} has {CONNECTIONS_LIMIT} connections already."
            raise ToolError("busy", what, "Try again when some of them have ended.")
        async with AsyncExitStack() as use:
            link = await use.enter_async_context(self._sandboxes.using(sandbox_id, owner))
            stream = await link.dial(port)
            use.callback(stream.close)
            connection = PortConnection(stream, use.pop_all(), lambda each: self._forget(key, each))
        if self._open.get(key) is not known:  # closed meanwhile
            await connection.close()
            self.exposure(sandbox_id, port, owner)
        self._connections.setdefault(key, set()).add(connection)
        return connection

    async def close(self, sandbox: str, port: int, owner: str | None) -> Exposure:
        """Make a port unreachable again and end what goes on through it.

        Raises:
            ToolError: ``not_found``.
        """
        session: Session = await self._sandboxes.get(sandbox, owner)
        known = self.exposure(session.id, port, owner)
        await self._close((session.id, port))
        return known

    def of(self, sandbox_id: str) -> list[int]:
        """Return the exposed ports of a sandbox."""
        return sorted(port for owner_of, port in self._open if owner_of == sandbox_id)

    async def _listens(self, sandbox_id: str, port: int, owner: str | None) -> bool:
        link = await self._sandboxes.link(sandbox_id, owner)
        try:
            stream = await link.dial(port)
        except ToolError as error:
            if error.code != "unavailable" or link.is_closed:
                raise
            return False
        stream.close()
        return True

    def _check_room(self, sandbox_id: str) -> None:
        if len(self.of(sandbox_id)) >= PORTS_LIMIT:
            what = f"{PORTS_LIMIT} ports of this sandbox are exposed already."
            raise ToolError("unavailable", what, "Close some with port_close.")

    def _ended(self, sandbox_id: str) -> None:
        """Close the ports of a sandbox that is gone, or whose programs are."""
        for port in self.of(sandbox_id):
            self._tasks.spawn(f"close port {port}", self._close((sandbox_id, port)))

    async def _close(self, key: Key) -> None:
        self._open.pop(key, None)
        for connection in list(self._connections.pop(key, ())):
            await connection.close()

    def _forget(self, key: Key, connection: PortConnection) -> None:
        held = self._connections.get(key)
        if held is not None:
            held.discard(connection)
            if not held:
                del self._connections[key]


def _check_own_loopback(session: Session) -> None:
    """Refuse where a port of the sandbox's loopback is one of the host's.

    Raises:
        ToolError: ``unsupported``.
    """
    if not session.capabilities.has_network_namespace:
        level = session.capabilities.isolation
        raise ToolError(
            "unsupported",
            f"A sandbox of level '{level}' has no loopback of its own: its ports are the host's.",
            "Create one with isolation 'bubblewrap' or 'container' to expose ports.",
        )
