"""`AsyncClient`: Jupyter's tools for code that runs in an event loop.

It finds its server by itself, or runs the tools in this process where there is none. What the
server refuses is raised as a `ToolError`; a call that did its work with a bad outcome (a cell that
raised) is a result with `is_error`.

    async with AsyncClient("http://localhost:8888", token="…") as client:
        result = await client.call("kernel_execute", code="6 * 7")
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython import discovery, own_kernel
from jupyter_mcp.ipython.discovery import Server
from jupyter_mcp.ipython.door import Door, OnAsk, OnProgress
from jupyter_mcp.ipython.failure import CallError
from jupyter_mcp.ipython.http import HttpDoor
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo

Progress = Callable[[float, float | None, str], Awaitable[None] | None]
Ask = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]] | Mapping[str, Any]]
Find = Callable[[], Server | None]


def find() -> Server | None:
    """Return the server for this process: a kernel's own, or for a script a running one."""
    if server := discovery.of_kernel():
        return server
    return None if own_kernel.kernel_id() else discovery.of_folder()


class AsyncClient:
    """A client for code that runs in an event loop.

    Args:
        url: The server: its own URL, one copied from the browser, or its MCP endpoint. Without
            one the server is found by itself.
        token: The server's token; found by itself for servers on this machine.
        toolsets: Names of toolsets, joined by commas, or ``all``; empty for the core.
        on_progress: Called with (done, total or None, message) while a call runs.
        on_ask: Answers what a tool asks (MCP: elicitation): gets ``message`` and
            ``requestedSchema``, returns ``{"action": "accept", "content": {...}}``. Without it
            tools are told that nobody can be asked.
        embedded: Whether the tools may run in this process when there is no server.
        mode: ``auto`` for the newest protocol revision, ``legacy`` for the older handshake.
        find: Finds the server when no URL is given.
        say: Shows a line to the person.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        toolsets: str = "",
        on_progress: Progress | None = None,
        on_ask: Ask | None = None,
        embedded: bool = True,
        mode: str = "auto",
        find: Find = find,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._toolsets = toolsets
        self._on_progress = on_progress
        self._on_ask = on_ask
        self._embedded = embedded
        self._mode = mode
        self._find = find
        self._say = say or _say
        self._door: Door | None = None
        self._opening = asyncio.Lock()
        self.known: dict[str, ToolInfo] = {}
        """The tools of the last listing, by name."""

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def place(self) -> str:
        """Where calls go, in a few words."""
        return self._door.place if self._door else "not connected"

    @property
    def protocol(self) -> str:
        """The MCP revision that was agreed on."""
        return self._door.protocol if self._door else ""

    @property
    def server(self) -> Server | None:
        """The server behind the connection; None without one."""
        return self._door.server if isinstance(self._door, HttpDoor) else None

    async def connect(self) -> None:
        """Connect now instead of at the first call.

        Raises:
            ToolError: ``unavailable`` when nothing answers, ``unauthorized`` for a wrong token.
        """
        await self._open()

    async def tools(self, pattern: str = "") -> list[ToolInfo]:
        """Return the tools whose name or description has `pattern` in it."""
        door = await self._open()
        found = await door.tools()
        self.known = {tool.name: tool for tool in found}
        wanted = pattern.strip("*").lower()
        return [tool for tool in found if wanted in f"{tool.name} {tool.description}".lower()]

    async def call(self, tool: str, /, **arguments: Any) -> CallResult:
        """Call a tool with keyword arguments.

        Raises:
            ToolError: When the call did not happen or was refused.
        """
        return await self.call_tool(tool, arguments)

    async def call_tool(
        self, tool: str, arguments: Mapping[str, Any], on_progress: Progress | None = None
    ) -> CallResult:
        """Call a tool; the same as `call`, for arguments that are at hand as a mapping."""
        door = await self._open()
        own_kernel.refuse(tool, arguments, self.server.root if self.server else "")
        return await door.call(tool, arguments, _progress(on_progress or self._on_progress))

    async def complete(self, uri: str, argument: str, prefix: str) -> list[str]:
        """Return values for a variable of a resource template, such as notebook paths."""
        return await (await self._open()).complete(uri, argument, prefix)

    async def close(self) -> None:
        """Let go of the server, or stop what runs in this process."""
        door, self._door = self._door, None
        if door is not None:
            await door.close()

    async def _open(self) -> Door:
        async with self._opening:
            if self._door is None:
                self._door = await self._choose()
        return self._door

    async def _choose(self) -> Door:
        if self._url:
            return await self._connected(lambda: discovery.given(self._url, self._token))
        found = await asyncio.to_thread(self._find)
        if found is None:
            return self._without_server()
        server = found
        try:
            return await self._connected(lambda: (self._find() or server).showing(self._token))
        except ToolError as error:
            if error.code != "unavailable" or server.found_by == discovery.ENVIRONMENT:
                raise
            if not self._may_embed:
                raise
        return self._without_server()

    @property
    def _may_embed(self) -> bool:
        """Whether tools may run in this process: a token says what it may do at its server only."""
        return self._embedded and not self._token

    async def _connected(self, find: Callable[[], Server]) -> Door:
        door = HttpDoor(
            lambda: find().with_toolsets(self._toolsets), _ask(self._on_ask), self._mode
        )
        try:
            await door.connect()
        except BaseException:
            await door.close()
            raise
        return door

    def _without_server(self) -> Door:
        if not self._may_embed:
            raise CallError(
                "unavailable",
                "No running Jupyter server was found.",
                "Start one (jupyter lab), or name it: --url URL --token TOKEN.",
            )
        from jupyter_mcp.ipython import embedded

        door = embedded.EmbeddedDoor(ask=_ask(self._on_ask))
        self._say(embedded.NOTICE.format(root=door.root))
        return door


def _progress(callback: Progress | None) -> OnProgress | None:
    if callback is None:
        return None

    async def tell(done: float, total: float | None, message: str) -> None:
        told = callback(done, total, message)
        if inspect.isawaitable(told):
            await told

    return tell


def _ask(callback: Ask | None) -> OnAsk | None:
    if callback is None:
        return None

    async def ask(params: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = callback(params)
        return await answer if inspect.isawaitable(answer) else answer

    return ask


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the one line that a person is told
