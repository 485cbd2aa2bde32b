"""What the policies ask of those who keep things for them."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Expiring values; `jupyter_mcp.storage.sql_store.SqlStore` is one."""

    async def get(self, space: str, key: str) -> bytes | None:
        """Return a value."""
        ...

    async def set(self, space: str, key: str, value: bytes, seconds: float) -> None:
        """Keep a value."""
        ...

    async def set_if_absent(self, space: str, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value unless there is one."""
        ...

    async def delete(self, space: str, key: str, value: bytes | None = None) -> bool:
        """Take a value out, or only just that one."""
        ...

    async def clear(self, space: str) -> None:
        """Take out all values of a space."""
        ...


class Notes(Protocol):
    """Notes that a killed process leaves behind (`jupyter_mcp.storage.notes.Notes`)."""

    def put(self, key: str, value: bytes) -> None:
        """Note something, at once."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return what was noted; cut off when that was interrupted."""
        ...

    def drop(self, key: str) -> None:
        """Take a note back."""
        ...

    def all(self) -> list[str]:
        """Return the keys of all notes."""
        ...


class Processes(Protocol):
    """Tells which processes are gone; the module `jupyter_mcp.storage.process_marks` is one."""

    def new_mark(self) -> str:
        """Return a mark of this process."""
        ...

    def is_gone(self, mark: str) -> bool:
        """Whether the process behind a mark does not run any more, as far as this one can tell."""
        ...
