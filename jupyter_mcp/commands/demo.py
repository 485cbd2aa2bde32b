"""``jupyter mcp demo``: a real JupyterLab, a real MCP client, a real notebook, watched at work."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from traitlets import Bool, Integer, Unicode

from jupyter_mcp.commands.command import Command
from jupyter_mcp.commands.demo_report import Report
from jupyter_mcp.commands.demo_story import Story, Surprise
from jupyter_mcp.commands.lab_server import LabServer
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.async_client import AsyncClient
from jupyter_mcp.ipython.discovery import Server

FILES = ("demo.ipynb", "bicycles.csv")
NEEDED = ("jupyterlab", "ipykernel", "pandas", "matplotlib")
USUAL_PORT = 8888

_FOLDERS = (Path(__file__).parents[2] / "notebooks", Path(__file__).parents[1] / "notebooks")
"""Where the demo's notebook lies: in a checkout, and in an installed package."""


class DemoApp(Command):
    """Work through a real notebook as an agent does, and tell what happens."""

    name = "jupyter-mcp-demo"
    description = __doc__ or ""
    examples = "jupyter mcp demo\njupyter mcp demo --keep"
    output = Unicode("demo-output", help="The folder for the notebook that comes of it.").tag(
        config=True
    )
    keep = Bool(default_value=False, help="Leave the server running for you.").tag(config=True)
    port = Integer(0, help="The server's port; any free one by default.").tag(config=True)
    aliases: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **Command.aliases,
        "output": "DemoApp.output",
        "port": "DemoApp.port",
    }
    flags: dict[Any, Any] = {  # noqa: RUF012 - traitlets reads the class attribute
        **Command.flags,
        "keep": ({"DemoApp": {"keep": True}}, "Leave the server running for you."),
        "lab": ({"DemoApp": {"keep": True}}, "The same as --keep."),
    }

    async def run(self) -> int:
        """Run the demo; 1 when any step did not do what it should."""
        _check_needed()
        _end_on_sigterm()
        report = Report()
        folder = _copied(Path(self.output))
        with tempfile.TemporaryDirectory(prefix="jupyter-mcp-demo-") as home:
            port = self.port or (USUAL_PORT if self.keep else 0)
            lab = LabServer(folder, Path(home), port)
            started = time.perf_counter()
            server = await asyncio.to_thread(lab.start)
            try:
                _introduce(report, server, time.perf_counter() - started, keep=self.keep)
                failures = await _play(report, server, folder)
                if self.keep:
                    await self._leave_running(lab, server, report)
            finally:
                code = await asyncio.to_thread(lab.stop)
        report.fact("server", "stopped" if code == 0 else f"ended with code {code}")
        report.heading("All steps did what they should." if not failures else "The demo FAILED.")
        return 1 if failures or code else 0

    async def _leave_running(self, lab: LabServer, server: Server, report: Report) -> None:
        """Wait for Ctrl-C, which is how it is meant to end, or for the end of the server."""
        report.heading(f"JupyterLab is yours: {_page(server)}")
        report.fact("connect", f"an MCP client to {server.url} with the token in that address")
        report.fact("stop", "Ctrl-C")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.to_thread(lab.wait)


def _check_needed() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ToolError(
            "unavailable",
            f"The demo needs {', '.join(missing)}.",
            f"pip install {' '.join(missing)}",
        )


def _end_on_sigterm() -> None:
    """Let SIGTERM end the demo as Ctrl-C does, the server with it."""
    task = asyncio.current_task()
    if task is not None and hasattr(signal, "SIGTERM"):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _copied(output: Path) -> Path:
    """Copy the demo's files into the output folder, over those of an earlier demo."""
    source = next((folder for folder in _FOLDERS if (folder / FILES[0]).is_file()), None)
    if source is None:
        raise ToolError(
            "not_found", "The demo's notebook is not installed.", "Run it from a checkout."
        )
    output.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, output / name)
    return output.resolve()


def _introduce(report: Report, server: Server, seconds: float, *, keep: bool) -> None:
    live = "live documents" if find_spec("jupyter_server_ydoc") else "no live documents"
    report.heading("jupyter_mcp: an agent works in a live notebook")
    report.fact("server", f"JupyterLab {_version('jupyterlab')} at {server.base_url}, {live}")
    report.fact("", f"ready after {seconds:.1f} s; its notebooks are in {server.root}")
    if keep:
        report.fact("watch", _page(server))


async def _play(report: Report, server: Server, folder: Path) -> int:
    """Play the story and return how many steps failed; the first failure ends it."""
    async with AsyncClient(server.url, server.token, embedded=False) as client:
        count = len(await client.tools())
        report.fact("client", f"MCP {client.protocol} over HTTP with a token; {count} tools")
        report.heading("What the agent does")
        for step in Story(client, FILES[0], folder / FILES[0]).steps():
            started = time.perf_counter()
            try:
                lines = await step.act()
            except (Surprise, ToolError, KeyError) as error:
                report.failed(step.title, time.perf_counter() - started, str(error) or repr(error))
                return 1
            report.done(step.title, time.perf_counter() - started, lines)
    report.heading("What is left")
    report.fact("notebook", str(folder / FILES[0]))
    return 0


def _page(server: Server) -> str:
    return f"{server.base_url}lab/tree/{FILES[0]}?token={server.token}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
