"""What the interpreter needs of a durable engine: steps that are done once, whatever crashes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol


class RunCancelled(BaseException):
    """The run was cancelled: nothing of it goes on. Like `asyncio.CancelledError`, no failure."""


class Slot(Protocol):
    """The place of one step among those of a run."""

    async def run(self, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Do the step and keep what it returns, as JSON.

        Raises:
            RunCancelled: The run was cancelled; `work` was cancelled too.
        """
        ...


class Steps(Protocol):
    """The steps of one run."""

    def reserve(self, name: str) -> Slot:
        """Return the next place. The order has to be the same each time a run is taken up."""
        ...

    async def known(self) -> Mapping[str, dict[str, Any]]:
        """Return what the steps that are done have returned, by name."""
        ...
