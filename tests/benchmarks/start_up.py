"""What the extension costs a Jupyter server before anybody asks, and after the first request."""

from __future__ import annotations

import compileall
import statistics
from http import HTTPStatus
from pathlib import Path

import jupyter_mcp
from benchmarks.bench import Cost, cost_of
from benchmarks.table import Row
from support.server import JupyterServer
from support.sessions import session
from support.wire import Wire


async def measure(home: Path, smoke: bool) -> list[Row]:
    """Start servers with and without the extension in turn and compare medians.

    Our modules are there as bytecode, as pip leaves them: to compile them costs 0.3 s of CPU, which
    an installed package never pays, and a checkout whose environment forbids bytecode always.
    The first change of a notebook opens the database; the plain server makes a notebook as well.
    """
    package = Path(jupyter_mcp.__file__).parent
    assert compileall.compile_dir(package, quiet=1), "not all of our modules can be compiled"
    without: list[Cost] = []
    written: list[Cost] = []
    ready: list[Cost] = []
    asked: list[Cost] = []
    again: list[Cost] = []
    changed: list[Cost] = []
    for number in range(1 if smoke else 5):
        before, after = _bare(home / f"bare{number}")
        without.append(before)
        written.append(after)
        before, after, _change = await _ours(home / f"ours{number}", "a.ipynb")
        ready.append(before)
        asked.append(after)
        _ready, after, change = await _ours(home / f"ours{number}", "b.ipynb")
        again.append(after)
        changed.append(change)
    return [
        Row("%load_ext jupyter_mcp", _loading(home, 2 if smoke else 10), "ms", 300),
        Row("memory before the first MCP request", _memory(ready, without), "MiB", 12),
        Row("CPU before the first MCP request", _cpu(ready, without), "s", 0.15),
        Row("memory after the first MCP request", _memory(asked, without), "MiB", 60),
        Row("CPU after the first MCP request", _cpu(asked, without), "s", 0.8),
        Row("memory after it, where there is a database", _memory(again, without), "MiB", 60),
        Row("CPU after it, where there is a database", _cpu(again, without), "s", 0.8),
        Row("memory after the first change of a notebook", _memory(changed, written), "MiB", 60),
        Row("CPU after the first change of a notebook", _cpu(changed, written), "s"),
    ]


def _bare(home: Path) -> tuple[Cost, Cost]:
    """Return the cost before anybody asks, and after a notebook was made."""
    config = {"ServerApp": {"jpserver_extensions": {"jupyter_mcp": False}}}
    with JupyterServer(home, collaboration=False, config=config) as server:
        before = cost_of(server.pid)
        made = server.request("POST", "api/contents", {"type": "notebook"})
        assert made.status == HTTPStatus.CREATED, made.body
        return before, cost_of(server.pid)


async def _ours(home: Path, notebook: str) -> tuple[Cost, Cost, Cost]:
    """Return the cost before anybody asks, after a list, and after a change, which is kept."""
    config = {"ServerApp": {"jpserver_extensions": {"jupyter_mcp": True}}}
    with JupyterServer(home, collaboration=False, config=config) as server:
        before = cost_of(server.pid)
        async with Wire(server.mcp_url, server.token) as wire:
            await wire.send(wire.prepare("tools/list", {}))
            asked = cost_of(server.pid)
            await wire.call("notebook_create", path=notebook)
            return before, asked, cost_of(server.pid)


def _loading(home: Path, runs: int) -> float:
    """Return the milliseconds until a kernel that is new has the magics."""
    seconds = []
    for number in range(runs):
        folder = home / f"kernel{number}"
        folder.mkdir()
        with session(folder) as page:
            run = page.run(
                "import time\n"
                "began = time.perf_counter()\n"
                "%load_ext jupyter_mcp\n"
                "print(time.perf_counter() - began)"
            )
            seconds.append(float(run.stdout))
    return statistics.median(seconds) * 1000


def _memory(ours: list[Cost], bare: list[Cost]) -> float:
    return statistics.median(c.memory for c in ours) - statistics.median(c.memory for c in bare)


def _cpu(ours: list[Cost], bare: list[Cost]) -> float:
    return statistics.median(c.cpu for c in ours) - statistics.median(c.cpu for c in bare)
