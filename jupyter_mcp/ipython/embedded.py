"""The door without a server: a runtime of its own in this very process.

VS Code, Colab and plain IPython have no Jupyter server with the extension. The tools then work on
the files below the current folder and start kernels of their own. They cannot run code in the
kernel that they live in: it is busy with the cell that called them.
"""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_mcp.calls import InputRequest
from jupyter_mcp.calls.content import block_to_json
from jupyter_mcp.config import Settings
from jupyter_mcp.ipython.door import OnAsk, OnProgress
from jupyter_mcp.ipython.failure import CallError, from_json
from jupyter_mcp.ipython.result import CallResult
from jupyter_mcp.ipython.schema import ToolInfo
from jupyter_mcp.security.principal import Kind, Principal

NOTICE = (
    "No Jupyter server with the extension here, so the tools run inside this process, on files "
    "below {root}, with kernels of their own (they cannot run code in this kernel)."
)
"""What a person is told when this door opens."""


class EmbeddedDoor:
    """A runtime in this process.

    Args:
        root: The folder whose files the tools see; the current one by default.
        ask: Answers what a running tool asks; None when nobody can.
        settings: The settings of the runtime.
        kind: Who calls: the ``owner`` of these files, or the ``person`` who decides about trust.
        toolsets: The toolsets to use, joined by commas, or ``all``; empty for the core.
    """

    protocol = "none, in this process"

    def __init__(
        self,
        root: Path | None = None,
        ask: OnAsk | None = None,
        *,
        settings: Settings | None = None,
        kind: Kind = "owner",
        toolsets: str = "",
    ) -> None:
        self._settings = settings or Settings()
        self._toolsets = toolsets
        self.root = (root or Path.cwd()).resolve()
        self._ask = ask
        self._runtime: Any = None
        self._opening = asyncio.Lock()
        name = _user()
        self._principal = Principal(id=f"user:{name}", name=name, kind=kind)

    @property
    def place(self) -> str:
        """What runs where."""
        return f"this process, files below {self.root}"

    async def tools(self) -> list[ToolInfo]:
        """Return all tools of the default view."""
        runtime = await self._open()
        return [
            ToolInfo(tool.name, tool.description, tool.title or "", tool.input_schema)
            for tool in runtime.catalog.view(
                self._principal, self._selection(runtime)
            ).tools.values()
        ]

    async def call(
        self, name: str, arguments: Mapping[str, Any], on_progress: OnProgress | None
    ) -> CallResult:
        """Call a tool; cancelling the task cancels the call."""
        runtime = await self._open()
        started = time.perf_counter()
        result = await runtime.call_tool(
            name,
            arguments,
            self._principal,
            "embedded",
            selection=runtime.catalog.selection(
                "all"
            ),  # the list is short, nothing is out of reach
            channel=_Channel(on_progress, self._ask),
        )
        if result.error is not None:
            raise from_json(result.error.to_json())
        return CallResult(
            name,
            tuple(block_to_json(block) for block in result.content),
            result.structured,
            result.is_error,
            time.perf_counter() - started,
        )

    async def complete(self, uri: str, argument: str, prefix: str) -> list[str]:
        """Return values for a variable of the resource template `uri`."""
        runtime = await self._open()
        view = runtime.catalog.view(self._principal)
        template = next((r for r in view.resources.values() if r.uri == uri), None)
        completer = template and view.completers.get((template.toolset, argument))
        if completer is None:
            return []
        given = {"prefix": prefix, "given": {}}
        result = await runtime.call(completer, given, self._principal, "embedded")
        return list(result.value or [])

    async def close(self) -> None:
        """Stop the runtime and the kernels that it started."""
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            from jupyter_mcp.ipython import services_jupyter

            # Kernels first: at the end of the process the runtime may have no threads left to stop.
            await services_jupyter.close(runtime.jupyter)
            await runtime.stop()

    async def _open(self) -> Any:
        async with self._opening:
            if self._runtime is None:
                self._runtime = await self._start()
        return self._runtime

    def _selection(self, runtime: Any) -> frozenset[str]:
        chosen: frozenset[str] = runtime.catalog.selection(self._toolsets or None)
        return chosen

    async def _start(self) -> Any:
        make = await asyncio.to_thread(_load)
        runtime = make(self._settings, self.root)
        await runtime.start()
        return runtime


class _Channel:
    """Hands what a running tool says to the person at this kernel."""

    def __init__(self, progress: OnProgress | None, ask: OnAsk | None) -> None:
        self._progress = progress
        self._ask = ask

    @property
    def can_ask(self) -> bool:
        return self._ask is not None

    async def progress(self, done: float, total: float | None, message: str) -> None:
        if self._progress is not None:
            await self._progress(done, total, message)

    async def log(self, level: str, data: Any) -> None:
        del level, data

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        return {key: await self._answer(request) for key, request in requests.items()}

    async def _answer(self, request: InputRequest) -> Mapping[str, Any]:
        if self._ask is None or request.method != "elicitation/create":
            raise CallError(
                "unsupported",
                "This call needs an answer from a person, and nobody can be asked here.",
                "Give the value as an argument.",
            )
        return await self._ask(request.params)


def _load() -> Any:
    """Import what a runtime needs, away from the event loop, and return how to make one."""
    from jupyter_mcp.ipython.services_jupyter import services
    from jupyter_mcp.runtime import Runtime

    def make(settings: Settings, root: Path) -> Runtime:
        return Runtime(settings, services(root))

    return make


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
