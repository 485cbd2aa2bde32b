"""Which backends sandboxes were ever made with: what tells a new server what it has to look after.

It stands alone, so that a server where no sandbox was ever made looks at a folder and imports
nothing else.
"""

from __future__ import annotations

from pathlib import Path


class Marks:
    """The names of the backends that were used.

    Args:
        state: The server's state folder.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "sandboxes" / "used"

    def add(self, name: str) -> None:
        """Remember that a sandbox was made with a backend."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / name).touch(mode=0o600)

    def names(self) -> set[str]:
        """Return the backends that were used."""
        try:
            return {path.name for path in self._folder.iterdir()}
        except OSError:
            return set()


def is_shared(settings: object) -> bool:
    """Whether servers with other state folders may share the store; asking costs a database."""
    return bool(getattr(settings, "redis_url", "") or getattr(settings, "database_url", ""))
