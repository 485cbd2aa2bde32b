"""A workspace as one stream of bytes, out of a sandbox and into another.

The stream is an uncompressed tar. The host neither packs nor unpacks: it stands between two agents,
each of which takes from an archive only files, folders and symbolic links, writes them below its
workspace, and follows no link on the way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from jupyter_mcp.toolsets.sandboxes.link.answers import believe, number
from jupyter_mcp.toolsets.sandboxes.link.link import Link
from jupyter_mcp.toolsets.sandboxes.places.paths import inner_path


async def export_archive(link: Link, path: str = "") -> AsyncIterator[bytes]:
    """Yield a folder as a tar.

    Args:
        link: To the agent.
        path: The folder, from the workspace.

    Raises:
        ToolError: ``not_found``, ``invalid_arguments``, ``unavailable``.
    """
    asked = {"path": inner_path(path, link.hello.workspace)}
    async with link.exchange("export", asked) as exchange:
        while (piece := await exchange.receive()) is not None:
            if piece[1]:
                yield piece[1]
        await exchange.answer()


async def import_archive(
    link: Link, archive: AsyncIterator[bytes], path: str = ""
) -> tuple[int, int]:
    """Unpack a tar into a folder, which is made; what is in the way is replaced, folders stay.

    Args:
        link: To the agent.
        archive: An uncompressed tar.
        path: The folder, from the workspace.

    Returns:
        How many members were written, and how many were left out: devices, hard links, and names
        that lead out.

    Raises:
        ToolError: ``invalid_arguments`` for a broken archive, ``too_large`` for a full disk; what
            was unpacked until then stays.
    """
    asked = {"path": inner_path(path, link.hello.workspace)}
    async with link.exchange("import", asked) as exchange:
        async for piece in archive:
            await exchange.send(piece)
        exchange.end()
        head = (await exchange.answer()).head
    with believe(link):
        return number(head.get("members")), number(head.get("skipped"))
