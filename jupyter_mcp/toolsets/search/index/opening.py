"""Opens an index: as its owner, who writes it, or as one who reads what another process wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.index.layout import Layout
from jupyter_mcp.toolsets.search.index.lock import OwnerLock
from jupyter_mcp.toolsets.search.index.model import Options
from jupyter_mcp.toolsets.search.index.notes import Notes
from jupyter_mcp.toolsets.search.index.stores import Stores


class Opening:
    """The stores of one index, opened when they are first asked for. Thread-safe.

    Args:
        name: What the index is of.
        state: Where it lies; made when it is missing.
        options: How it is kept.
        is_closed: Whether it may not be opened any more.
    """

    def __init__(
        self, name: str, state: Path, options: Options, is_closed: Callable[[], bool]
    ) -> None:
        self.layout = Layout(state)
        self.notes = Notes()
        self._name, self._options, self._is_closed = name, options, is_closed
        self._lock = OwnerLock(self.layout.lock)
        self._turn = threading.RLock()
        self._stores: Stores | None = None

    def open(self) -> Stores | None:
        """Return the stores; None as long as another process has not written any.

        Raises:
            ToolError: ``unavailable`` when it is closed, or its folder cannot be written.
        """
        with self._turn:
            if self._stores is None:
                if self._is_closed():
                    raise ToolError("unavailable", "This index is closed.", "Open it again.")
                if self._take():
                    self._stores = self._opened(is_owner=True)
                elif self.layout.database.exists():
                    self._stores = self._opened(is_owner=False)
            return self._stores

    def owned(self) -> Stores:
        """Return the stores to write them; take the index over when its owner is gone.

        Raises:
            ToolError: ``busy`` while another process owns it, and as `open`.
        """
        with self._turn:
            stores = self.open()
            if (stores is None or not stores.is_owner) and self._take():
                if stores is not None:
                    stores.close()
                stores = self._stores = self._opened(is_owner=True)
            if stores is None or not stores.is_owner:
                raise ToolError(
                    "busy",
                    f"The index of '{self._name}' is kept by {self._holder()}.",
                    "Its words can be searched here; update it there, or close it there first.",
                )
            return stores

    def rebuild(self, error: ToolError) -> None:
        """Put a database aside that turned out to be damaged, and begin anew."""
        with self._turn:
            if self._stores is not None:
                with suppress(ToolError):
                    self._stores.close()
            self._stores = None
            self.notes.put_aside(error, self.layout.put_aside(self.layout.database))

    def clear(self) -> None:
        """Forget all of it, also on the disk.

        Raises:
            ToolError: ``busy`` while another process owns it.
        """
        with self._turn:
            stores = self.owned()
            for meaning in stores.meanings().values():
                if self._options.chroma_url:
                    meaning.drop()
            stores.close()
            self._stores = None
            self.layout.clear()

    def close(self) -> None:
        """Let go of the files, and of the index for others."""
        with self._turn:
            if self._stores is not None:
                self._stores.close()
                self._stores = None
            self._lock.release()

    def _opened(self, *, is_owner: bool) -> Stores:
        return Stores(self.layout, self._options, self.notes, is_owner=is_owner)

    def _take(self) -> bool:
        """Become the owner if nobody else is."""
        try:
            self.layout.make()
            is_mine = self._lock.take()
        except OSError as error:
            raise ToolError(
                "unavailable",
                f"The index cannot lie in '{self.layout.state}': {error.strerror or error}.",
                "See that the folder can be written.",
            ) from error
        if is_mine:
            self.notes.clear("owner")
        else:
            self.notes.tell(
                "owner",
                f"{self._holder().capitalize()} keeps this index up to date; here its words are "
                "searched. To update it here, end that process or close its index.",
            )
        return is_mine

    def _holder(self) -> str:
        return str(self._lock.holder() or "another process")
