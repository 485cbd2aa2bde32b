"""The notebooks of workflows: those that they stand in, and those that they begin with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.calls import Context
    from jupyter_mcp.calls.executor import Executor

PAGE = 1_000_000
"""Bytes that are read at once."""

MOST_LOOKED_FOR = 20
"""Notebooks that are looked for before a run starts."""

LOOK_SECONDS = 1.0
"""For how long that is done: the run waits for it."""


async def spec_of_notebook(ctx: Context, path: str, threads: Executor) -> dict[str, Any]:
    """Return the workflow of a notebook, which is read as its caller reads files.

    Raises:
        ToolError: ``invalid_arguments`` for what is none; whatever reading it says.
    """
    from jupyter_mcp.toolsets.workflows.spec.notebook import from_notebook

    text = await _text(ctx, path)
    spec = await threads.run(from_notebook, text, PurePosixPath(path).stem)
    return spec.to_dict()


async def gone(ctx: Context, paths: Sequence[str]) -> set[str]:
    """Return which notebooks are not there, as far as the caller may know it, and soon."""
    found: set[str] = set()

    async def look(path: str) -> None:
        with contextlib.suppress(ToolError):  # there is no such tool here
            page = await ctx.call("file_read", {"path": path, "limit": 1, "encoding": "base64"})
            if page.error is not None and page.error.code == "not_found":
                found.add(path)

    # What is not known by then, as somebody has to approve each reading, the run tells.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS), asyncio.TaskGroup() as looks:
            for path in paths[:MOST_LOOKED_FOR]:
                looks.create_task(look(path))
    return found


async def _text(ctx: Context, path: str) -> str:
    text, offset = "", 0
    while True:
        wanted = {"path": path, "offset": offset, "limit": PAGE, "encoding": "utf-8"}
        page = await ctx.call("file_read", wanted)
        if page.error is not None:
            raise page.error
        if page.structured is None:
            raise ToolError("unavailable", f"'{path}' could not be read.", "Try again.")
        text += str(page.structured["content"])
        if page.structured.get("next_offset") is None:
            return text
        offset = int(page.structured["next_offset"])
