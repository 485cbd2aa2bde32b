"""The one thing that every backend has to give: bytes to and from a program in the sandbox."""

from __future__ import annotations

from typing import Protocol


class ByteChannel(Protocol):
    """The stdin and stdout of the agent inside. Closing it ends the agent."""

    async def read(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit` of them; empty when the other side is gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes and return when the transport has room again.

        Raises:
            ConnectionError: When the other side is gone.
        """
        ...

    async def close(self) -> None:
        """Close both directions and reap what belongs to it; a second time does nothing."""
        ...

    def complaint(self) -> str:
        """Return the tail of what the program wrote to stderr, for an error; it may be empty."""
        ...
