"""The desktops of this server's sandboxes: one each, begun at first use, gone with its channel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.desktop.desktop import Desktop, Link
from jupyter_mcp.toolsets.sandboxes.desktop.geometry import Screen
from jupyter_mcp.toolsets.sandboxes.desktop.wire import Tasks


class Sandboxes(Protocol):
    """The service of sandboxes, as far as desktops need it."""

    async def get(self, sandbox: str, owner: str | None) -> Any:
        """Return the session of a sandbox by identifier or name."""
        ...

    async def link(self, sandbox: str, owner: str | None) -> Any:
        """Return the channel to its agent."""
        ...

    def using(self, sandbox: str, owner: str | None) -> AbstractAsyncContextManager[Any]:
        """Keep it from expiring meanwhile."""
        ...

    def on_end(self, callback: Callable[[str], None]) -> None:
        """Have `callback` told the identifier of each that is gone."""
        ...


@dataclass(slots=True)
class _Place:
    """Where the desktop of one sandbox is, once it has begun."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: Link | None = None
    desktop: Desktop | None = None


class Desktops:
    """Finds the desktop of a sandbox, or begins it.

    Args:
        sandboxes: The service of sandboxes.
        tasks: The owner of background tasks.
    """

    def __init__(self, sandboxes: Sandboxes, tasks: Tasks) -> None:
        self._sandboxes = sandboxes
        self._tasks = tasks
        self._places: dict[str, _Place] = {}
        sandboxes.on_end(self._ended)

    @contextlib.asynccontextmanager
    async def using(
        self, sandbox: str, owner: str | None, screen: Screen | None = None
    ) -> AsyncIterator[Desktop]:
        """Give the desktop of a sandbox, which does not expire meanwhile.

        Args:
            sandbox: Identifier or name.
            owner: The principal who asks, or None for one who may use everybody's.
            screen: The size it has to have; None for the size that it has, 1280x800 at first.

        Raises:
            ToolError: What the service says of the sandbox; ``unsupported`` where the image has
                no screen; ``conflict`` for another size.
        """
        async with self._sandboxes.using(sandbox, owner):
            yield await self.desktop(sandbox, owner, screen)

    async def desktop(
        self, sandbox: str, owner: str | None, screen: Screen | None = None
    ) -> Desktop:
        """Return the desktop of a sandbox, for a short use such as one frame of a live view."""
        link = await self._sandboxes.link(sandbox, owner)
        identifier = str((await self._sandboxes.get(sandbox, owner)).id)
        place = self._places.setdefault(identifier, _Place())
        async with place.turn:
            desktop = place.desktop
            if desktop is None or desktop.is_closed or place.link is not link:
                desktop = await Desktop.open(
                    link, self._tasks, screen or Screen(), f"desktop {identifier}"
                )
                place.link, place.desktop = link, desktop
                self._places[identifier] = place
        if screen is not None and desktop.screen != screen:
            raise ToolError(
                "conflict",
                f"The screen of this sandbox is {desktop.screen} and keeps its size.",
                "Leave screen out, or give it with the first call in a new sandbox.",
            )
        return desktop

    def _ended(self, sandbox: str) -> None:
        self._places.pop(sandbox, None)
