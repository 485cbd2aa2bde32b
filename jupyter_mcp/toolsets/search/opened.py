"""Keeps the index of what is open in step: a live notebook is newer than its file.

Open notebooks are looked at when something is searched and when one of them is said to have
changed, so that a search finds what was typed just now, and nothing is read while nobody searches.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import LiveNotebooks

Put = Callable[[str, dict[str, Any]], Awaitable[bool]]
Close = Callable[[str], Awaitable[object]]


class OpenNotebooks:
    """The open notebooks of the Jupyter root, as their index has them.

    Args:
        put: Takes the contents of an open notebook into the index, or says that it could not.
        close: Takes the file of a notebook again that is not open any more.
    """

    def __init__(self, put: Put, close: Close) -> None:
        self._put = put
        self._close = close
        self._seen: dict[str, Hashable] = {}
        self._turn = asyncio.Lock()

    async def refresh(self, notebooks: LiveNotebooks | None) -> None:
        """Bring the index into step with what is open now."""
        if notebooks is None:
            return
        async with self._turn:
            now = notebooks.live()
            for path, mark in now.items():
                if mark is None or self._seen.get(path) != mark:
                    await self._take(notebooks, path, mark)
            for path in [path for path in self._seen if path not in now]:
                del self._seen[path]
                await self._close(path)

    def forget(self) -> None:
        """Take all open notebooks anew the next time."""
        self._seen.clear()

    async def _take(self, notebooks: LiveNotebooks, path: str, mark: Hashable | None) -> None:
        try:
            content = await notebooks.read_live(path)
        except ToolError:  # its page does not answer: the file is what there is
            return
        if content is None:
            return
        seen = _digest(content) if mark is None else mark
        if self._seen.get(path) == seen:
            return
        if await self._put(path, content):
            self._seen[path] = seen


def _digest(content: dict[str, Any]) -> str:
    told = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
