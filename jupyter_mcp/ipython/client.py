"""`Client`: Jupyter's tools for plain code, in a notebook or a script.

    client = Client()
    client.call("cell_run", path="analysis.ipynb")

It is `AsyncClient` on an event loop in a thread of its own, so it also works where a loop is
already running, as in every notebook.
"""

from __future__ import annotations

import logging
import sys
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self, TypeVar

from jupyter_mcp.ipython import own_kernel
from jupyter_mcp.ipython.asking import ask_person
from jupyter_mcp.ipython.async_client import AsyncClient
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.portal import Portal
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.ipython.waiting import Desk, Watcher

__all__ = ["AsyncClient", "Client"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""How long letting go of a server, or of an embedded runtime's kernels, may take."""


class Client:
    """A client for plain code; it works inside a notebook's running loop too.

    Ctrl-C while a call runs cancels it on the server. Questions of tools are asked with `input()`.
    The parameters are those of `AsyncClient`; the callbacks run in the calling thread.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        on_progress: Callable[[float, float | None, str], None] | None = None,
        on_ask: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        ask = on_ask or (ask_person if _is_interactive() else None)
        self._watcher = _Callbacks(on_progress, ask)
        self._desks = _Desks()
        self._portal = Portal()
        relay = self._desks.ask if ask else None
        self._client = AsyncClient(url, token, on_ask=relay, **options)
        self._finalizer = weakref.finalize(self, _shut_down, self._portal, self._client)

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where calls go, in a few words."""
        return self._client.place

    @property
    def protocol(self) -> str:
        """The MCP revision that was agreed on."""
        return self._client.protocol

    @property
    def server(self) -> Server | None:
        """The server behind the connection; None without one."""
        return self._client.server

    @property
    def known(self) -> dict[str, ToolInfo]:
        """The tools of the last listing, by name."""
        return self._client.known

    def connect(self) -> None:
        """Connect now instead of at the first call."""
        self._wait(Desk(), self._client.connect())

    def tools(self, pattern: str = "", timeout: float | None = None) -> list[ToolInfo]:
        """Return the tools whose name or description has `pattern` in it.

        Args:
            pattern: Any part of a name or description.
            timeout: Seconds after which a `TimeoutError` is raised; None to wait.
        """
        if timeout is not None:
            return self._portal.run(self._client.tools(pattern), timeout)
        return self._wait(Desk(), self._client.tools(pattern))

    def call(self, tool: str, /, **arguments: Any) -> CallResult:
        """Call a tool with keyword arguments.

        Raises:
            ToolError: When the call did not happen or was refused; ``cancelled`` after Ctrl-C.
        """
        return self.call_tool(tool, arguments)

    def call_tool(
        self, tool: str, arguments: Mapping[str, Any], watcher: Watcher | None = None
    ) -> CallResult:
        """Call a tool; the same as `call`, for arguments that are at hand as a mapping."""
        desk = Desk()
        with self._desks.opened(desk):
            work = self._client.call_tool(tool, arguments, desk.progress)
            return self._wait(desk, work, watcher)

    def call_within(self, tool: str, arguments: Mapping[str, Any], timeout: float) -> CallResult:
        """Call a tool, and raise a `TimeoutError` after `timeout` seconds; for completions."""
        return self._portal.run(self._client.call_tool(tool, arguments), timeout)

    def complete(self, uri: str, argument: str, prefix: str, timeout: float) -> list[str]:
        """Return values for a variable of a resource template, within `timeout` seconds."""
        return self._portal.run(self._client.complete(uri, argument, prefix), timeout)

    def close(self) -> None:
        """Let go of the server, or stop what runs in this process; ends the thread."""
        self._finalizer()

    def _wait(self, desk: Desk, work: Coroutine[Any, Any, T], watcher: Watcher | None = None) -> T:
        if not self._portal.is_alive:
            work.close()
            raise CallError("unavailable", "This client was closed.", "Make a new one.")
        return desk.wait(self._portal, work, watcher or self._watcher)


class _Desks:
    """The calls that wait, the latest last: it is the one that gets the questions."""

    def __init__(self) -> None:
        self._open: list[Desk] = []

    def opened(self, desk: Desk) -> _Opened:
        return _Opened(self._open, desk)

    async def ask(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._open:
            return {"action": "cancel"}
        return await self._open[-1].ask(params)


class _Opened:
    def __init__(self, desks: list[Desk], desk: Desk) -> None:
        self._desks = desks
        self._desk = desk

    def __enter__(self) -> None:
        self._desks.append(self._desk)

    def __exit__(self, *error: object) -> None:
        self._desks.remove(self._desk)


class _Callbacks(Watcher):
    def __init__(
        self,
        on_progress: Callable[[float, float | None, str], None] | None,
        on_ask: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None,
    ) -> None:
        self._on_progress = on_progress
        self._on_ask = on_ask

    def progress(self, done: float, total: float | None, message: str) -> None:
        if self._on_progress is not None:
            self._on_progress(done, total, message)

    def ask(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._on_ask(params) if self._on_ask else super().ask(params)


def _shut_down(portal: Portal, client: AsyncClient) -> None:
    """End a client's connection and thread; it runs at the end of the process at the latest."""
    if not portal.is_alive:
        return
    try:
        portal.run(client.close(), CLOSE_SECONDS)
    except Exception:  # noqa: BLE001 - the process may be ending, and there is nobody to tell
        _log.debug("The client did not close cleanly.", exc_info=True)
    portal.stop()


def _is_interactive() -> bool:
    return bool(own_kernel.kernel_id()) or (sys.stdin is not None and sys.stdin.isatty())
