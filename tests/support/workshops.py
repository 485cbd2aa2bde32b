"""A runtime over a real Jupyter server without sockets, with its kernels, for the tools' tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_mcp.calls import Image, InputRequest, JupyterServices, Link, Result, SilentChannel
from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from support.notebooks import close_app, on_disk, server_app, write_notebook
from support.runtimes import PERSON


class Client(SilentChannel):
    """A client that keeps what it is told and answers what it is asked."""

    def __init__(self, answer: Callable[[InputRequest], Mapping[str, Any]] | None = None) -> None:
        self.answer = answer
        self.can_ask = answer is not None
        self.told: list[tuple[float, str]] = []
        self.heard = asyncio.Event()

    async def progress(self, done: float, total: float | None, message: str) -> None:
        assert total is None
        self.told.append((done, message))
        self.heard.set()

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        assert self.answer is not None
        return {key: self.answer(request) for key, request in requests.items()}

    @property
    def text(self) -> str:
        return "\n".join(message for _, message in self.told)


class Workshop:
    """The tools of a server, as a client calls them."""

    def __init__(self, runtime: Runtime, app: Any, root: Path) -> None:
        self.runtime = runtime
        self.app = app
        self.root = root

    def notebook(self, *cells: Any, name: str = "nb.ipynb") -> Path:
        return write_notebook(self.root / name, *cells)

    async def ask(self, tool: str, channel: Client | None = None, **arguments: Any) -> Result:
        """Call a tool; what goes wrong is in the result."""
        selection = self.runtime.catalog.selection("all")
        return await self.runtime.call_tool(
            tool, arguments, PERSON, "test", selection=selection, channel=channel
        )

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must not fail, and return its structured value."""
        result = await self.ask(tool, **arguments)
        assert not result.is_error, result
        assert result.structured is not None
        return result.structured

    async def refused(self, tool: str, **arguments: Any) -> ToolError:
        """Call a tool that must be refused, and return the error."""
        result = await self.ask(tool, **arguments)
        assert result.error is not None, result
        return result.error

    async def read(self, uri: str, **values: str) -> Any:
        view = self.runtime.catalog.view(PERSON)
        result = await self.runtime.call(view.resources[uri], values, PERSON, "test")
        if result.error:
            raise result.error
        return result.value

    def outputs(self, cell_id: str, name: str = "nb.ipynb") -> list[dict[str, Any]]:
        """Return the outputs of a cell on disk."""
        cells = on_disk(self.root / name)["cells"]
        return next(cell["outputs"] for cell in cells if cell["id"] == cell_id)


def notebooks(shop: Workshop) -> Any:
    """Return the notebooks toolset, for what no tool tells."""
    return next(each for each in shop.runtime.catalog.toolsets if each.name == "notebooks")


def texts(result: Result) -> str:
    return "\n".join(getattr(block, "text", "") for block in result.content)


def images(result: Result) -> list[Image]:
    return [block for block in result.content if isinstance(block, Image)]


def links(result: Result) -> list[Link]:
    return [block for block in result.content if isinstance(block, Link)]


@contextlib.asynccontextmanager
async def workshop(
    home: Path, *, live: bool = False, sessions: bool = True, **settings: Any
) -> AsyncIterator[Workshop]:
    """Start a runtime over a server in `home`, and stop both with all kernels."""
    (home / "root").mkdir()
    app = server_app(home, live=live)
    ydoc = None
    if live:
        ydoc = next(iter(app.extension_manager.extension_apps["jupyter_server_ydoc"]))
    services = JupyterServices(
        contents_manager=app.contents_manager,
        kernel_manager=app.kernel_manager,
        kernel_spec_manager=app.kernel_spec_manager,
        session_manager=app.session_manager if sessions else None,
        ydoc=ydoc,
        root_dir=str(home / "root"),
    )
    runtime = Runtime(Settings(state_dir=str(home / "state"), **settings), services)
    with contextlib.chdir(home):
        await runtime.start()
        try:
            yield Workshop(runtime, app, home / "root")
        finally:
            await runtime.stop()
            for kernel_id in app.kernel_manager.list_kernel_ids():
                await app.kernel_manager.shutdown_kernel(kernel_id, now=True)
            if ydoc is not None:
                await ydoc.stop_extension()
            close_app(app)
