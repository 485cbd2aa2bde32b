"""Opens an index: as its owner, who writes it, or as one who reads what another process wrote."""

from __future__ import annotations

import os
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
        self._obstacle = ""
        self.wants_update = False
        """Whether a damaged database was put aside, and nothing has read all files since."""

    @property
    def wants_vectors(self) -> bool:
        """Whether open stores want their vectors made again. Does not block."""
        stores = self._stores
        return stores is not None and stores.wants_vectors

    @property
    def lacks_embedder(self) -> bool:
        """Whether open stores wait for their second embedder. Does not block."""
        stores = self._stores
        return stores is not None and stores.wants_second

    def open(self) -> Stores | None:
        """Return the stores; None as long as another process has not written any.

        Raises:
            ToolError: ``unavailable`` when it is closed, or its folder cannot be written.
        """
        with self._turn:
            if self._stores is not None and self._stores.is_outdated:
                self._stores.close()
                self._stores = None
            if self._stores is None:
                if self._is_closed():
                    raise ToolError("unavailable", "This index is closed.", "Open it again.")
                self._stores = self._owned()
                if self._stores is None and os.path.exists(self.layout.database):  # noqa: PTH110 - also where it may not look
                    self._stores = self._opened(is_owner=False)
                if self._stores is None and self._obstacle:
                    raise self._refusal()
            return self._stores

    def owned(self) -> Stores:
        """Return the stores to write them; take the index over when its owner is gone.

        Raises:
            ToolError: ``busy`` while another process owns it, and as `open`.
        """
        with self._turn:
            stores = self.open()
            if (stores is None or not stores.is_owner) and (mine := self._owned()) is not None:
                if stores is not None:
                    stores.close()
                stores = self._stores = mine
            if stores is None or not stores.is_owner:
                if self._obstacle:
                    raise self._refusal()
                raise ToolError(
                    "busy",
                    f"The index of '{self._name}' is kept by {self._holder()}.",
                    "Its words can be searched here; update it there, or close it there first.",
                )
            return stores

    def rebuild(self, error: ToolError, damaged: Stores | None = None) -> None:
        """Put a database aside that turned out to be damaged, and begin anew.

        Args:
            error: What turned it out.
            damaged: The stores that were asked; those that others have opened since are left
                alone. None for those that are open.
        """
        with self._turn:
            if damaged is not None and damaged is not self._stores:
                return
            if self._stores is not None:
                with suppress(ToolError):
                    self._stores.close()
            self._stores = None
            self.wants_update = True
            self.notes.put_aside(error, self.layout.put_aside(self.layout.database))

    def clear(self) -> None:
        """Forget all of it, also on the disk.

        Raises:
            ToolError: ``busy`` while another process owns it.
        """
        with self._turn:
            stores = self.owned()
            stores.drop_vectors()
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
        return Stores(self.layout, self._options, self.notes, self._is_closed, is_owner=is_owner)

    def _owned(self) -> Stores | None:
        """Return the stores to write them; None where another process does, or nobody can."""
        if not self._take():
            return None
        try:
            return self._opened(is_owner=True)
        except ToolError as error:
            if error.code != "unavailable" or not self.layout.database.exists():
                raise
            self._lock.release()
            self._refuse(error.message)
            return None

    def _refuse(self, reason: str) -> None:
        """Take note that it cannot be written, and is read at most."""
        self._obstacle = reason
        self.notes.tell("owner", self._refusal())

    def _refusal(self) -> ToolError:
        where = f"'{self.layout.state}'"
        if not os.path.exists(self.layout.database):  # noqa: PTH110 - also where it may not look
            return ToolError(
                "unavailable",
                f"The index cannot lie in {where}: {self._obstacle}.",
                "See that the folder can be written.",
            )
        return ToolError(
            "unavailable",
            f"The index in {where} cannot be written ({self._obstacle.rstrip('.')}); its words are "
            "searched as they are, its vectors not.",
            "To bring it up to date, make that folder writable or let the index lie elsewhere.",
        )

    def _take(self) -> bool:
        """Become the owner if nobody else is."""
        try:
            self.layout.make()
            if self.layout.lock.is_dir():
                self.layout.put_aside(self.layout.lock)
            if refusal := self.layout.refusal:
                raise refusal
            is_mine = self._lock.take()
        except OSError as error:
            self._refuse(error.strerror or str(error))
            return False
        self._obstacle = ""
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
