"""Why the words of an index cannot be read or written, in one line with what to do."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mcp.errors import ToolError


class CorruptStoreError(ToolError):
    """The file is damaged or no database: it has to be built anew."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            "corrupt",
            f"The index '{path.name}' cannot be read: {reason}.",
            "It is built anew by the next update.",
        )


class OtherVersionError(ToolError):
    """The file was written by another version of this program: it has to be built anew."""

    def __init__(self, path: Path, found: str, wanted: str) -> None:
        super().__init__(
            "outdated",
            f"The index '{path.name}' is of version {found or 'none'}, not {wanted}.",
            "It is built anew by the next update.",
        )


_DAMAGED = (
    "malformed",
    "not a database",
    "no such table",
    "no such column",
    "corrupt",
    "could not decode",
    "while decompressing",
)

_DAMAGED_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""What SQLite says of a table of words only in the error's number: its text may be "vtable
constructor failed", as it is for one that is busy."""

_REASONS = (
    ("disk is full", "the disk is full", "Free some space, then update the index."),
    ("readonly", "its folder is read-only", "See that the state folder can be written."),
    ("unable to open", "it cannot be opened", "See that the state folder is there."),
    ("locked", "another program keeps it locked", "Try again in a moment."),
    ("disk i/o", "the disk fails", "Look at the disk that holds the state folder."),
    ("closed", "it was closed", "Open it again."),
)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the database at `path` into errors with a remedy.

    Raises:
        CorruptStoreError: When it is damaged.
        ToolError: ``unavailable`` for everything that may pass.
    """
    try:
        yield
    except (zlib.error, UnicodeDecodeError) as error:  # a text of a piece, under a sound page
        raise CorruptStoreError(path, "a text in it is damaged") from error
    except sqlite3.Error as error:
        if any(path.with_name(path.name + end).is_dir() for end in ("", "-wal", "-shm")):
            raise CorruptStoreError(path, "a folder is in its place") from error
        said = str(error).lower()
        if _is_damage(error):
            raise CorruptStoreError(path, said.splitlines()[0]) from error
        if os.path.exists(path) and not _is_readable(path):  # noqa: PTH110 - also in a closed folder
            raise ToolError(
                "unavailable",
                f"The index '{path.name}' may not be read by this account.",
                f"Allow it to read '{path}', or delete that file.",
            ) from error
        for word, reason, remedy in _REASONS:
            if word in said:
                raise ToolError(
                    "unavailable", f"The index '{path.name}' failed: {reason}.", remedy
                ) from error
        raise ToolError(
            "unavailable", f"The index '{path.name}' failed: {said or type(error).__name__}."
        ) from error


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # above it: which kind of it
    return code in _DAMAGED_CODES or any(word in str(error).lower() for word in _DAMAGED)


def _is_readable(path: Path) -> bool:
    # Not by opening it: closing takes the locks away that SQLite has on it in this process.
    return os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids)
