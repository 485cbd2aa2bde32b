"""The other end of our JupyterLab panel: pages tell what they have open and edit it for us.

Without jupyter-collaboration the one who holds the live document is the person's browser, so an
edit is sent there. A page connects as soon as JupyterLab loads, so this must not start the runtime.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.websocket import WebSocketClosedError

from jupyter_mcp.errors import ToolError

ANSWER_SECONDS = 10.0
"""How long a page may take to answer."""

Send = Callable[[str], Awaitable[Any]]


class Page:
    """One connected JupyterLab page.

    Args:
        send: Sends it a text frame.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.open: frozenset[str] = frozenset()

    async def request(self, op: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Ask the page to do `op` and return what it answers.

        Raises:
            ToolError: What the page answered, or ``unavailable`` when it did not.
        """
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(seconds):
                await self._send(json.dumps({**op, "id": number}))
                return await answer
        except TimeoutError:
            raise _gone(f"The open JupyterLab page did not answer within {seconds:g} s.") from None
        except WebSocketClosedError:
            raise _gone("The JupyterLab page was closed.") from None
        finally:
            self._waiting.pop(number, None)

    def receive(self, frame: str | bytes) -> None:
        """Take what the page says; what makes no sense is ignored."""
        try:
            said = json.loads(frame)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        if isinstance(said.get("open"), list):
            self.open = frozenset(path for path in said["open"] if isinstance(path, str))
        answer = self._waiting.get(said["id"]) if isinstance(said.get("id"), int) else None
        if answer is None or answer.done():
            return
        if "error" in said:
            answer.set_exception(_error(said["error"]))
        else:
            result = said.get("result")
            answer.set_result(result if isinstance(result, dict) else {"result": result})

    def close(self) -> None:
        """Fail what waits for this page."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_gone("The JupyterLab page was closed."))


class Panels:
    """All connected pages (see `jupyter_mcp.calls.toolset.Panel`)."""

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        self._seconds = seconds
        self._pages: list[Page] = []

    def connected(self, path: str) -> bool:
        """Return whether some page has the document `path` open."""
        return self._page(path) is not None

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        """Do `op` on the open document `path`, in the page that connected last.

        Raises:
            ToolError: ``unavailable`` when no page has it open, went away or does not answer.
        """
        page = self._page(path)
        if page is None:
            raise _gone(f"No JupyterLab page has '{path}' open.")
        return await page.request({"path": path, **op}, self._seconds)

    def join(self, send: Send) -> Page:
        """Add a page."""
        page = Page(send)
        self._pages.append(page)
        return page

    def leave(self, page: Page) -> None:
        """Forget a page that went away."""
        if page in self._pages:
            self._pages.remove(page)
        page.close()

    def stop(self) -> None:
        """Forget all pages."""
        for page in list(self._pages):
            self.leave(page)

    def _page(self, path: str) -> Page | None:
        return next((page for page in reversed(self._pages) if path in page.open), None)


def _gone(what: str) -> ToolError:
    return ToolError("unavailable", what, "Try again, or close the document in JupyterLab.")


def _error(said: Any) -> ToolError:
    if not isinstance(said, dict):
        return ToolError("unavailable", str(said))
    code, message = str(said.get("code", "unavailable")), str(said.get("message", "It failed."))
    data = said.get("data")
    return ToolError(
        code, message, str(said.get("remedy", "")), data=data if isinstance(data, dict) else None
    )
