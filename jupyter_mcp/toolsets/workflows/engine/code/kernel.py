"""Python code in a kernel, by the tool ``kernel_execute``."""

from __future__ import annotations

import json
import re
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.code import programs
from jupyter_mcp.toolsets.workflows.engine.running import Running

TOOL = "kernel_execute"


async def run_in_kernel(running: Running, code: str, given: Any, kernel_id: str) -> Any:
    """Return what the function ``run`` of `code` returns.

    It sees the variables of the kernel and changes none by assigning. A small result comes with
    the first call, a larger one by pieces.

    Raises:
        ToolError: What the code raises; what the tool says.
    """
    mark = programs.token(running.key)
    program = programs.for_kernel(code, given, running.node, mark)
    printed = await _execute(running, program, kernel_id, "")
    first = _marked(printed, mark)
    said = printed.partition(mark)[0].rstrip()
    if said:
        running.log(said + "\n")
    if first is not None and first[0] <= programs.PIECE:
        text = first[1]
    else:
        text = await _pieces(running, kernel_id, mark)
    await _execute(running, programs.forget(mark), kernel_id, "forget")
    try:
        return json.loads(text)
    except ValueError:
        raise _broken() from None


async def _pieces(running: Running, kernel_id: str, mark: str) -> str:
    """Ask the kernel for its result piece by piece."""
    pieces: list[str] = []
    while True:
        start = len(pieces) * programs.PIECE
        code = programs.piece(mark, start)
        found = _marked(await _execute(running, code, kernel_id, f"piece{start}"), mark)
        if found is None:
            raise _broken()
        pieces.append(found[1])
        if start + programs.PIECE >= found[0]:
            return "".join(pieces)


async def _execute(running: Running, code: str, kernel_id: str, part: str) -> str:
    arguments = {"code": code, "kernel_id": kernel_id}
    return str((await running.call(TOOL, arguments, part=part)).get("text", ""))


def _marked(printed: str, mark: str) -> tuple[int, str] | None:
    """Return the length of the whole result, and what was printed of it; None if it was cut."""
    marked = re.escape(mark)
    found = re.search(rf"{marked}(\d+):([^\n]*){marked}", printed)
    return (int(found[1]), found[2]) if found else None


def _broken() -> ToolError:
    return ToolError(
        "invalid_output",
        "The result did not come out of the kernel whole.",
        "Write it to a file and return the path.",
    )
