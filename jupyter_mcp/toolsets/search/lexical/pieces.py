"""What goes into a store of words and what it tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.lexical.words import Columns


@dataclass(frozen=True, slots=True)
class FilePieces:
    """A file that is cut into pieces.

    Args:
        path: Below the indexed folder, with ``/``.
        size: Bytes.
        mtime_ns: When it was changed.
        digest: A hash of its bytes; empty where it could not be read.
        pieces: Its chunks with their words.
        error: Why it is not in the index, or only in part; empty for no reason.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str
    pieces: Sequence[tuple[Chunk, Columns]] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of a file.

    Args:
        path: Below the indexed folder.
        size: Bytes.
        mtime_ns: When it was changed.
        digest: A hash of its bytes.
        chunks: How many pieces it has.
        error: Why it is not in the index, or only in part.
    """

    path: str
    size: int
    mtime_ns: int
    digest: str
    chunks: int
    error: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write did to the chunks.

    Args:
        came: Digests that the store did not have before.
        gone: Digests that nothing uses any more.
        written: How many chunks were written; those that stayed as they were do not count.
    """

    came: frozenset[str]
    gone: frozenset[str]
    written: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is.

    Args:
        files: Files that have been read.
        chunks: Their pieces.
        bytes: Size of these files.
        problems: Files with an error.
    """

    files: int
    chunks: int
    bytes: int
    problems: int
