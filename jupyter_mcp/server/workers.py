"""What the door for workers knows: the key of the state folder, and who guesses it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from jupyter_mcp.security.tokens.throttle import Throttle
from jupyter_mcp.security.worker_key import WorkerKey


class Workers:
    """The workers of one server's workflows.

    Args:
        folder: Returns the state folder.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self.throttle = Throttle()

    @cached_property
    def key(self) -> WorkerKey:
        """The key that they show."""
        return WorkerKey(self._folder())
