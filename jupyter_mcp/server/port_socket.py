"""The tunnel of a WebSocket: bytes between a browser and a program in a sandbox.

After both have shaken hands, what they say is theirs. Frames are not looked at, so fragments,
compression and close codes arrive as they were sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tornado.iostream import IOStream, StreamClosedError

if TYPE_CHECKING:
    from jupyter_mcp.workplace import Connection

PIECE = 64 * 1024


async def tunnel(outside: IOStream, inside: Connection, first: bytes) -> None:
    """Carry bytes both ways until one side ends, and close both.

    Args:
        outside: The client's connection, detached from HTTP.
        inside: The program's.
        first: What the program has said already.
    """
    ways = [
        asyncio.create_task(_outward(outside, inside, first), name="jupyter-mcp port out"),
        asyncio.create_task(_inward(outside, inside), name="jupyter-mcp port in"),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        outside.close()
        await inside.close()


async def _outward(outside: IOStream, inside: Connection, first: bytes) -> None:
    with contextlib.suppress(StreamClosedError, ConnectionError):
        piece = first or await inside.read(PIECE)
        while piece:
            await outside.write(piece)
            piece = await inside.read(PIECE)


async def _inward(outside: IOStream, inside: Connection) -> None:
    with contextlib.suppress(StreamClosedError, ConnectionError):
        while True:
            await inside.write(await outside.read_bytes(PIECE, partial=True))
