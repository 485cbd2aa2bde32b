"""A TCP connection inside a sandbox, as the host sees it."""

from __future__ import annotations

from jupyter_mcp.toolsets.sandboxes.link.exchange import Exchange


class Stream:
    """Bytes in both directions, each with its own end.

    Args:
        exchange: The request that it lives in.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = b""
        self._is_ended = False

    async def read(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit`; empty at the end.

        Raises:
            ToolError: ``unavailable`` when the link is closed, ``cancelled`` after `close`.
        """
        if not self._rest and not self._is_ended:
            piece = await self._exchange.receive()
            self._rest = piece[1] if piece else b""
            self._is_ended = not self._rest
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes, as fast as they are taken inside.

        Raises:
            ToolError: ``conflict`` when the connection is closed.
        """
        await self._exchange.send(data)

    def close_write(self) -> None:
        """Say that nothing more will be written."""
        self._exchange.end()

    def close(self) -> None:
        """Close the connection; what is on its way is lost."""
        self._exchange.release()
