"""Cuts a file into chunks, in the way that fits its kind."""

from __future__ import annotations

from jupyter_mcp.toolsets.search.chunk import Chunk


def chunk(path: str, text: str) -> list[Chunk]:
    """Cut a file into pieces that can be found and cited.

    Args:
        path: The file below the indexed folder; its name tells the language.
        text: Its text.

    Raises:
        Unreadable: It is a notebook that cannot be parsed, or nothing but lines that no person
            wrote.
    """
    count = max(1, len(text.split("\n")))
    return [Chunk(path, "text", "", 1, count, text)] if text.strip() else []
