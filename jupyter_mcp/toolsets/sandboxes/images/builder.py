"""Builds images on the engine: shipped recipes, and folders with a Dockerfile.

A build runs with the engine's network, in containers that are limited in memory, see no folder of
the host and are not privileged. One at a time: each may take a CPU and a disk for minutes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.sandboxes.images.bootstrap import Bootstrap
from jupyter_mcp.toolsets.sandboxes.images.building import (
    OWNER,
    Order,
    ask_engine,
    build_folder,
    build_recipe,
    labels_of,
    load_base,
)
from jupyter_mcp.toolsets.sandboxes.images.engine import CONTROL_SECONDS, LongRequest
from jupyter_mcp.toolsets.sandboxes.images.feed import Feed, Say
from jupyter_mcp.toolsets.sandboxes.images.recipes import LABEL, Recipe, packages


@dataclass(frozen=True, slots=True)
class Built:
    """An image that is there.

    Args:
        name: Its name.
        digest: What is pinned: the digest of its configuration, and so of all its layers.
        size: Bytes.
        is_new: Whether it was built just now.
        seconds: How long that took.
    """

    name: str
    digest: str
    size: int
    is_new: bool
    seconds: float


class Builder:
    """Builds images, one at a time.

    Args:
        url: The engine's address; empty for Docker's own settings.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()

    async def recipe(self, recipe: Recipe, owner: str, say: Say, *, fresh: bool = False) -> Built:
        """Build a shipped image and what it stands on, where that is not up to date.

        Args:
            recipe: What to build.
            owner: Identifier of who asked.
            say: Takes lines of the log.
            fresh: Whether it is built anew, with the packages of today.

        Raises:
            ToolError: ``unavailable``, ``failed``.
        """
        started = time.monotonic()
        async with self._watched(say) as feed:
            is_new = False
            for each in recipe.chain:
                if fresh or not await self._is_there(each):
                    await self._one(each, owner, feed, fresh=fresh)
                    is_new = True
            return await self._built(recipe.image, is_new=is_new, started=started)

    async def folder(self, order: Order, say: Say) -> Built:
        """Build a Dockerfile.

        Raises:
            ToolError: ``unavailable``, ``failed``, ``too_large``, ``conflict`` for an image of
                somebody else.
        """
        started = time.monotonic()
        async with self._watched(say) as feed:
            await self._refuse_others(order)
            request = LongRequest(self._url)
            await ask_engine(request, lambda client: build_folder(request, client, order, feed))
            return await self._built(order.name, is_new=True, started=started)

    @asynccontextmanager
    async def _watched(self, say: Say) -> AsyncIterator[Feed]:
        feed = Feed(say)
        if self._turn.locked():
            await say("Another build runs; this one is next.")
        async with self._turn:
            pump = asyncio.create_task(feed.pump(), name="jupyter-mcp image log")
            try:
                yield feed
                await feed.flush()
            finally:
                pump.cancel()
                await asyncio.wait([pump])

    async def _one(self, recipe: Recipe, owner: str, feed: Feed, *, fresh: bool) -> None:
        feed.put(f"Building {recipe.image}")
        labels = {LABEL: recipe.digest, OWNER: owner}
        if recipe.parent is None:
            await self._base(recipe, labels, feed)
            return
        request = LongRequest(self._url)

        def build(client: Any) -> None:
            build_recipe(request, client, recipe, labels, feed, fresh=fresh)

        await ask_engine(request, build)

    async def _base(self, recipe: Recipe, labels: Mapping[str, str], feed: Feed) -> None:
        bootstrap = Bootstrap(packages(recipe.text), feed.put)

        request = LongRequest(self._url)

        def load(client: Any) -> None:
            with bootstrap:
                request.check()
                load_base(client, bootstrap, recipe.image, labels)

        await ask_engine(request, load, bootstrap.end)

    async def _is_there(self, recipe: Recipe) -> bool:
        found = await self.inspect(recipe.image)
        return found is not None and labels_of(found).get(LABEL) == recipe.digest

    async def _refuse_others(self, order: Order) -> None:
        found = await self.inspect(order.name)
        if found is not None and labels_of(found).get(OWNER) != order.owner:
            raise ToolError(
                "conflict",
                f"There is an image '{order.name}' that you did not build.",
                "Give another tag.",
            )

    async def _built(self, name: str, *, is_new: bool, started: float) -> Built:
        found = await self.inspect(name)
        if found is None:
            raise ToolError("failed", f"The engine lost the image '{name}'.", "Build it again.")
        seconds = time.monotonic() - started
        return Built(name, str(found["Id"]), int(found["Size"]), is_new, round(seconds, 1))

    async def inspect(self, name: str) -> dict[str, Any] | None:
        """Return what the engine says of an image; None when it is not there."""
        request = LongRequest(self._url, CONTROL_SECONDS)
        return await ask_engine(request, lambda client: _inspected(client, name))


def _inspected(client: Any, name: str) -> dict[str, Any] | None:
    import docker  # type: ignore[import-untyped]

    try:
        return dict(client.inspect_image(name))
    except docker.errors.ImageNotFound:
        return None
