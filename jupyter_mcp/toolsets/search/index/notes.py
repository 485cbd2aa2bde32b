"""What a reader of an index's status should know, by subject; each with the remedy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mcp.errors import ToolError

INSTALL = "pip install 'jupyter-mcp-workbench[search]'"


class Notes:
    """One note for each subject. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, str] = {}

    def tell(self, subject: str, note: object) -> None:
        """Keep a note until the subject has another one."""
        with self._lock:
            self._told[subject] = str(note)

    def clear(self, subject: str) -> None:
        """Forget the note on a subject."""
        with self._lock:
            self._told.pop(subject, None)

    @contextmanager
    def noting(self, subject: str) -> Iterator[None]:
        """Tell why something failed, until it goes well."""
        try:
            yield
        except ToolError as error:
            if error.code != "busy":
                self.tell(subject, error)
            raise
        self.clear(subject)

    def put_aside(self, error: ToolError, aside: Path) -> None:
        """Tell that the words could not be read, and where they lie now."""
        self.tell(
            "corrupt words",
            f"The index could not be read ({error.message}); it lies in '{aside.name}' and is "
            "built anew. Delete that file if you do not need it.",
        )

    def all(self) -> list[str]:
        """Return the notes, the oldest subject first."""
        with self._lock:
            return list(dict.fromkeys(self._told.values()))


def no_vectors() -> ToolError:
    """Return the error for search by meaning without the extra."""
    return ToolError(
        "unavailable", "Search by meaning needs the extra 'search'.", f"Run: {INSTALL}"
    )
