"""The other end of our JupyterLab panel: pages tell what they have open and edit it for us.

Without jupyter-collaboration the one who holds the live document is the person's browser, so an
edit is sent there. A page connects as soon as JupyterLab loads, so this must not start the runtime.

What a page says of a document is believed and may be run, so only pages of those who may edit that
document are asked, and a page goes when the access behind it has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tornado.websocket import WebSocketClosedError

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.security.principal import Principal
    from jupyter_mcp.security.tokens.leases import Lease
    from jupyter_mcp.security.trust import Trust

ANSWER_SECONDS = 10.0
"""How long a page may take to answer."""

Send = Callable[[str], Awaitable[Any]]


class Page:
    """One connected JupyterLab page.

    Args:
        send: Sends it a text frame.
        principal: Whose page it is.
        over: Closes the connection.
    """

    def __init__(self, send: Send, principal: Principal, over: Callable[[], object]) -> None:
        self.principal = principal
        self.over = over
        self.lease: Lease | None = None
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
        self._trust: Trust | None = None

    def guard(self, trust: Trust) -> None:
        """Ask `trust` from now on whose pages count: the runtime has started."""
        self._trust = trust
        for page in self._pages:
            self._hold(page)

    def connected(self, path: str) -> bool:
        """Return whether some page has the document `path` open."""
        return self._page(path) is not None

    def opened(self) -> frozenset[str]:
        """Return the documents that some page has open."""
        named = frozenset(path for page in self._pages for path in page.open)
        return frozenset(path for path in named if self._page(path) is not None)

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        """Do `op` on the open document `path`, in the page that connected last.

        Raises:
            ToolError: ``unavailable`` when no page has it open, went away or does not answer.
        """
        page = self._page(path)
        if page is None:
            raise _gone(f"No JupyterLab page has '{path}' open.")
        return await page.request({"path": path, **op}, self._seconds)

    def join(
        self, send: Send, principal: Principal, over: Callable[[], object] = lambda: None
    ) -> Page:
        """Add a page of `principal`; `over` is called when their access has ended."""
        page = Page(send, principal, over)
        self._pages.append(page)
        self._hold(page)
        return page

    def leave(self, page: Page) -> None:
        """Forget a page that went away."""
        if page in self._pages:
            self._pages.remove(page)
        if page.lease is not None and self._trust is not None:
            self._trust.leases.give_back(page.lease)
        page.close()

    def stop(self) -> None:
        """Forget all pages."""
        for page in list(self._pages):
            self.leave(page)

    def _page(self, path: str) -> Page | None:
        pages = (page for page in reversed(self._pages) if path in page.open)
        return next((page for page in pages if self._may_hold(page, path)), None)

    def _may_hold(self, page: Page, path: str) -> bool:
        return self._trust is None or self._trust.policy.may_hold(page.principal, path)

    def _hold(self, page: Page) -> None:
        def end(_why: str) -> None:
            self.leave(page)
            page.over()

        if self._trust is not None:
            page.lease = self._trust.leases.take(page.principal, end)


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
