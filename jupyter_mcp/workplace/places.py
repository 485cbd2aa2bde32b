"""A place with files and commands, its ports, and the notebooks that somebody has open.

The Jupyter root is one and each sandbox is one, so that tools for files and git are written once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Kind = Literal["file", "directory", "symlink", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder.

    Args:
        path: Its path from the top of the place, with slashes and without one in front.
        kind: What it is; a symbolic link is told as such and not followed.
        size: Bytes of a file.
        modified: Unix time.
        mode: Permission bits; None where the place has none.
        target: Where a symbolic link leads; empty for all else.
    """

    path: str
    kind: Kind
    size: int
    modified: float
    mode: int | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A line that a search found.

    Args:
        path: The file.
        line: Its number, from 1.
        text: The line, cut to a length that can be shown.
    """

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for in files.

    Args:
        pattern: The text, or a regular expression of Python's `re`; empty to find names only.
        glob: Which files by path, such as ``**/*.py``; empty for all.
        is_regex: Whether the pattern is a regular expression.
        ignores_case: Whether upper and lower case are the same.
        limit: The most matches.
    """

    pattern: str = ""
    glob: str = ""
    is_regex: bool = False
    ignores_case: bool = False
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Args:
        matches: In the order of paths and lines.
        is_cut: Whether there are more than the limit.
        skipped: How many files were too large or no text.
    """

    matches: tuple[Match, ...]
    is_cut: bool = False
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended.

    Args:
        exit_code: Its exit code; 128 + n when signal n ended it.
        stdout: What it wrote, up to the limit that was asked for.
        stderr: Likewise.
        timed_out: Whether it was ended because it took too long.
        is_cut: Whether it wrote more than is kept.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    is_cut: bool = False


class Place(Protocol):
    """Files and commands in one place. Paths are relative to its top; what leads out is refused.

    All methods raise `ToolError`: ``not_found``, ``invalid_arguments`` for a path that leads out
    or is of the wrong kind, ``conflict`` for what is there already, ``too_large``,
    ``forbidden``, ``unavailable``.
    """

    @property
    def name(self) -> str:
        """What to call it in messages, such as ``the Jupyter root`` or ``sandbox sb-1a2b``."""
        ...

    @property
    def sandbox_id(self) -> str:
        """The sandbox; empty for the Jupyter root."""
        ...

    async def stat(self, path: str) -> Entry:
        """Return what is there."""
        ...

    async def list(self, path: str, *, recursive: bool = False, limit: int = 1000) -> list[Entry]:
        """Return what is in a folder, by path; `limit` + 1 entries tell that there are more."""
        ...

    async def read(self, path: str, offset: int = 0, limit: int | None = None) -> tuple[bytes, int]:
        """Return bytes of a file from `offset` on, and the size of the whole."""
        ...

    def chunks(self, path: str) -> AsyncIterator[bytes]:
        """Yield a file of any size in pieces."""
        ...

    async def write(
        self,
        path: str,
        data: bytes | AsyncIterator[bytes],
        *,
        overwrite: bool = True,
        revision: str = "",
    ) -> Entry:
        """Write a file whole or not at all, with the folders above it.

        Args:
            path: The file; a symbolic link there is replaced and never followed.
            data: The new contents.
            overwrite: Whether there may be a file already.
            revision: SHA-256 (hex) of what has to be there now; empty for no matter.
        """
        ...

    async def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file or a folder."""
        ...

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Move or rename."""
        ...

    async def make_folder(self, path: str) -> Entry:
        """Make a folder and those above it; one that is there already stays."""
        ...

    async def search(self, path: str, search: Search) -> Found:
        """Search below a folder, or in a file."""
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        seconds: float | None = None,
        limit: int = 1_000_000,
    ) -> Finished:
        """Run a command to its end; cancelling kills its process group.

        Args:
            argv: The program and its arguments; no shell.
            cwd: Working folder.
            env: Variables besides those of the place.
            stdin: What it reads.
            seconds: After how many seconds it is killed.
            limit: Bytes of stdout, and of stderr, that are kept.
        """
        ...


@runtime_checkable
class Places(Protocol):
    """Finds the place behind a sandbox's identifier; the sandboxes toolset implements it."""

    async def place(self, sandbox_id: str, owner: str | None) -> Place:
        """Return the files and commands of a sandbox.

        Args:
            sandbox_id: Its identifier or name.
            owner: The principal who asks, or None for one who may use everybody's.

        Raises:
            ToolError: ``not_found``, ``unavailable``.
        """
        ...

    async def is_closed(self, argument: str, value: str, owner: str | None) -> bool:
        """Return whether what is done in a sandbox can touch nothing outside of it.

        Args:
            argument: Which argument of a tool names it: ``sandbox_id`` or ``terminal_id``.
            value: The sandbox, or the terminal in it.
            owner: The principal who asks, or None for one who may use everybody's.

        Raises:
            ToolError: ``not_found``.
        """
        ...


@runtime_checkable
class LiveNotebooks(Protocol):
    """The notebooks that somebody has open; the notebooks toolset implements it."""

    def live(self) -> Mapping[str, Hashable | None]:
        """Return the paths of notebooks whose contents are not only those of their file.

        Each with what is another value once its contents changed; None where that is not known.
        """
        ...

    async def read_live(self, path: str) -> dict[str, Any] | None:
        """Return the JSON of such a notebook without what is private; None for no such notebook.

        Raises:
            ToolError: ``unavailable`` when the page that has it open does not answer.
        """
        ...


class Connection(Protocol):
    """A connection to a port inside a sandbox: bytes both ways."""

    async def read(self, limit: int) -> bytes:
        """Return the next bytes, at most `limit`; empty at the end.

        Raises:
            ConnectionError: When it broke off.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes and return when there is room again.

        Raises:
            ConnectionError: When the other side is gone.
        """
        ...

    async def close_write(self) -> None:
        """Say that no more bytes come from here."""
        ...

    async def close(self) -> None:
        """End both directions. A second time does nothing."""
        ...


@runtime_checkable
class WebPorts(Protocol):
    """The ports inside sandboxes that somebody exposed; the sandboxes toolset implements it."""

    def exposure(self, sandbox_id: str, port: int, owner: str | None) -> str:
        """Return what stands for this exposure until the port is closed.

        Args:
            sandbox_id: The sandbox's identifier.
            port: The port inside.
            owner: The principal who asks, or None for one who may use everybody's.

        Raises:
            ToolError: ``not_found`` when the port is not exposed, or not to this owner.
        """
        ...

    async def connect(self, sandbox_id: str, port: int, owner: str | None) -> Connection:
        """Connect to an exposed port; the sandbox is in use until the connection is closed.

        Raises:
            ToolError: ``not_found``; ``unavailable`` when nothing listens.
        """
        ...
