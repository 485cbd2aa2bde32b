"""What Chroma raises, as one line with a remedy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = ("disk is full", "no space left", "os error 28")
REFUSED = ("permission denied", "readonly database", "read-only file system", "os error 13")
LOCKED = ("database is locked", "too many open files", "os error 24")


@contextmanager
def of_folder(folder: Path) -> Iterator[None]:
    """Turn what a folder's Chroma raises into a `ToolError`."""
    try:
        yield
    except ToolError:
        raise
    except BaseException as error:
        # A panic of its Rust code is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _about_folder(folder, error) from error


@contextmanager
def of_server(url: str) -> Iterator[None]:
    """Turn what the client of a server raises into a `ToolError`."""
    try:
        yield
    except ToolError:
        raise
    except Exception as error:
        raise ToolError(
            "unavailable",
            f"The Chroma server {without_password(url)} does not answer as it should "
            f"({type(error).__name__}: {_first_line(error)}).",
            "Start it (chroma run) or change search_chroma_url.",
        ) from error


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _about_folder(folder: Path, error: BaseException) -> ToolError:
    told = _first_line(error)
    has = told.lower()
    if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
        return _damaged(folder, "a file is in the place of a folder, or the other way round")
    if isinstance(error, OSError) or any(sign in has for sign in (*FULL, *REFUSED)):
        return ToolError(
            "unavailable",
            f"The vectors in {folder} cannot be written or read ({told}).",
            "Make room on the disk, or make the folder writable.",
        )
    if any(sign in has for sign in LOCKED):
        return ToolError(
            "busy", f"The vectors in {folder} are in use ({told}).", "Try again in a moment."
        )
    return _damaged(folder, f"{type(error).__name__}: {told}")


def _damaged(folder: Path, reason: str) -> ToolError:
    return ToolError(
        "corrupt",
        f"The vectors in {folder} cannot be read ({reason}).",
        "They are made anew from the files; the old folder is kept aside.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
