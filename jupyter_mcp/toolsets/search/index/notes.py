"""What a reader of an index's status should know, by subject; each with the remedy."""

from __future__ import annotations

import threading

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

    def all(self) -> list[str]:
        """Return the notes, the oldest subject first."""
        with self._lock:
            return list(dict.fromkeys(self._told.values()))


def no_vectors() -> ToolError:
    """Return the error for search by meaning without the extra."""
    return ToolError(
        "unavailable", "Search by meaning needs the extra 'search'.", f"Run: {INSTALL}"
    )
