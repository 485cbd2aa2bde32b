"""What the agent of the demo does: real calls of a real client, each with what must come of it.

The agent is scripted, because a demo must work offline; everything that it talks to is real. A step
that does not find what it should raises `Surprise`, and the demo fails.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mcp.ipython.async_client import AsyncClient
from jupyter_mcp.ipython.result import CallResult

CANCEL_AFTER = 2.0
FREE_SECONDS = 2.0
"""How soon after a cancel the kernel must answer again; 0.1 s is usual, machines may be busy."""

SAVE_SECONDS = 15.0
POLL_SECONDS = 0.1

FIXED = 'rides.groupby(rides["day"].dt.day_name(), sort=False)'
FAST = """\
import numpy as np

rng = np.random.default_rng(1)
means = rng.choice(rides["bicycles"], (1000, len(rides))).mean(axis=1)
low, high = np.percentile(means, [2.5, 97.5]).round()
print(f"between {low:.0f} and {high:.0f} bicycles a day")"""


class Surprise(Exception):  # noqa: N818 - what it is called in the report
    """A step did not do what it should."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story.

    Args:
        title: What the agent wants.
        act: Does it, and returns lines to show.
    """

    title: str
    act: Callable[[], Awaitable[Sequence[str]]]


class Story:
    """An agent at work on the demo notebook.

    Args:
        client: Connected to the demo's server.
        path: The notebook, relative to the server's root.
        file: The same notebook on disk.
    """

    def __init__(self, client: AsyncClient, path: str, file: Path) -> None:
        self._client = client
        self._path = path
        self._file = file
        self._interval = ""

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order."""
        yield Step("Read the notebook", self._read)
        yield Step("Run all cells: one fails", self._run_all)
        yield Step("Look at the data in the kernel, without adding a cell", self._inspect)
        yield Step("Fix the failing cell", self._fix)
        yield Step("Run the fixed cell and the plot: an image comes back", self._plot)
        yield Step("Run the slow cell, and cancel it after 2 s", self._cancel)
        yield Step("Rewrite the slow cell and run it", self._rewrite)
        yield Step("Write down what was found", self._conclude)
        yield Step("Delete a cell by mistake, and take that back", self._undo)
        yield Step("See who changed what", self._history)
        yield Step("Find all of it saved on disk", self._saved)

    async def _read(self) -> list[str]:
        result = await self._call("notebook_read")
        _expect("weekdays" in result.text, "the outline does not show the cells")
        return result.text.splitlines()

    async def _run_all(self) -> list[str]:
        result = await self._call("cell_run", allow_error=True)
        last = result["cells"][-1]
        _expect(result.is_error and last["cell_id"] == "weekdays", "the wrong cell failed")
        error = last["error"]
        _expect(error["ename"] == "KeyError", f"the error is {error['ename']}")
        return [
            f"cell weekdays: {error['ename']}: {error['evalue']}",
            f"not run: {', '.join(result['not_run'])}",
        ]

    async def _inspect(self) -> list[str]:
        result = await self._call("variable_inspect", name="rides")
        _expect("weekday" not in result["details"], "there is a weekday after all")
        _expect("bicycles" in result.text, "the columns are not shown")
        return [f"rides: {result['summary']}", "there is a column 'day', but no 'weekday'"]

    async def _fix(self) -> list[str]:
        result = await self._call(
            "cell_edit", cell_id="weekdays", old='rides.groupby("weekday")', new=FIXED
        )
        return [f'- rides.groupby("weekday")\n+ {FIXED}', f"revision {result['revision']}"]

    async def _plot(self) -> list[str]:
        result = await self._call("cell_run", cell_ids=["weekdays", "plot"])
        _expect(len(result.images) == 1, f"{len(result.images)} images came back")
        picture = result.images[0]
        lines = [line for line in result["cells"][0]["text"].splitlines() if "day " in line]
        return [*lines, f"{picture.mime}, {len(picture.data):,} bytes, scaled for a model"]

    async def _cancel(self) -> list[str]:
        told: list[str] = []

        def progress(done: float, total: float | None, message: str) -> None:
            del done, total
            told.extend(message.split("\n"))

        arguments = {"path": self._path, "cell_ids": ["bootstrap"]}
        call = asyncio.ensure_future(self._client.call_tool("cell_run", arguments, progress))
        done, _ = await asyncio.wait([call], timeout=CANCEL_AFTER)
        _expect(not done, "the slow cell ended by itself")
        call.cancel()
        await asyncio.wait([call])
        started = time.perf_counter()
        answer = await self._call("kernel_execute", code="1 + 1")
        seconds = time.perf_counter() - started
        _expect(answer["text"] == "2", f"the kernel says {answer['text']!r}")
        _expect(seconds < FREE_SECONDS, f"the kernel was busy for {seconds:.1f} s after the cancel")
        last = [line for line in told if line.strip()]
        _expect(any("draw" in line for line in last), "no progress came")
        return [f"progress came along: {last[-1]}", f"the kernel answered {seconds:.2f} s later"]

    async def _rewrite(self) -> list[str]:
        await self._call("cell_edit", cell_id="bootstrap", source=FAST)
        result = await self._call("cell_run", cell_ids=["bootstrap"])
        self._interval = result["cells"][0]["text"].strip()
        _expect("between" in self._interval, f"it says {self._interval!r}")
        return [self._interval]

    async def _conclude(self) -> list[str]:
        text = f"The average lies {self._interval} (95 %), and weekends are quiet."
        result = await self._call("cell_insert", source=text, cell_type="markdown")
        return [f"cell {result['cell_id']}: {text}"]

    async def _undo(self) -> list[str]:
        before = await self._call("cell_read", cell_id="plot")
        await self._call("cell_delete", cell_id="plot")
        undone = await self._call("notebook_undo")
        after = await self._call("cell_read", cell_id="plot")
        _expect(after["source"] == before["source"], "the cell came back changed")
        return [f"undone: {', '.join(undone['undone'])}"]

    async def _history(self) -> list[str]:
        changes = (await self._call("notebook_history"))["changes"]
        _expect(len(changes) >= 4, f"only {len(changes)} changes are noted")  # noqa: PLR2004 - as above
        return [f"{each['action']} {each['cell_id']} by {each['who']}" for each in changes]

    async def _saved(self) -> list[str]:
        deadline = time.monotonic() + SAVE_SECONDS
        while trouble := self._missing():
            _expect(time.monotonic() < deadline, trouble)
            await asyncio.sleep(POLL_SECONDS)
        return [f"{self._file}, {self._file.stat().st_size:,} bytes"]

    def _missing(self) -> str:
        """Return what is not yet as it should be in the file; empty when all is."""
        try:
            notebook = json.loads(self._file.read_text())
        except ValueError:  # Jupyter writes in place, so a reader may come in the middle of it
            return "the file is being written"
        cells = {cell["id"]: cell for cell in notebook["cells"]}
        sources = {name: "".join(cell["source"]) for name, cell in cells.items()}
        outputs = {name: cell.get("outputs", []) for name, cell in cells.items()}
        if FIXED not in sources["weekdays"] or sources["bootstrap"] != FAST:
            return "the edits are not in the file"
        if "plot" not in cells or not any(_is_png(output) for output in outputs["plot"]):
            return "the plot is not in the file"
        if any(output["output_type"] == "error" for each in outputs.values() for output in each):
            return "there still is an error in the file"
        if not any(self._interval in source for source in sources.values() if self._interval):
            return "the conclusion is not in the file"
        return ""

    async def _call(self, tool: str, *, allow_error: bool = False, **arguments: Any) -> CallResult:
        result = await self._client.call_tool(tool, {"path": self._path, **arguments})
        _expect(allow_error or not result.is_error, f"{tool} failed: {result.text}")
        return result


def _is_png(output: dict[str, Any]) -> bool:
    data = output.get("data", {}).get("image/png")
    return bool(data) and base64.b64decode("".join(data)).startswith(b"\x89PNG")


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise Surprise(otherwise)
