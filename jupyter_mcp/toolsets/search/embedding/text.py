"""What of a chunk is turned into a vector: the same for every embedder."""

from __future__ import annotations

from jupyter_mcp.toolsets.search.chunk import Chunk


def text_of(chunk: Chunk) -> str:
    """Return a chunk as one text: its name, what belongs to it, and itself."""
    return "\n".join(part for part in (chunk.symbol, chunk.extra, chunk.text) if part)
