"""Python code in a sandbox, by the tools for files and commands there."""

from __future__ import annotations

import json
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.code import programs
from jupyter_mcp.toolsets.workflows.engine.running import Running, output_of

FOLDER = ".jupyter-mcp"
PAGE = 50_000
"""Bytes of a result that are read at once."""


async def run_in_sandbox(running: Running, code: str, given: Any, sandbox_id: str) -> Any:
    """Return what the function ``run`` of `code` returns; it runs in a Python of its own.

    Raises:
        ToolError: What the code raises; what a tool says.
    """
    folder = f"{FOLDER}/{programs.token(running.key).rstrip(':')}"
    inside = {"sandbox_id": sandbox_id}
    path = f"{folder}/result.json"
    program = programs.for_file(code, given, running.node, path)
    write = {**inside, "path": f"{folder}/node.py", "content": program}
    await running.call("file_write", write, part="write")
    run = {**inside, "command": f"python3 {folder}/node.py"}
    result = await running.result("terminal_run", run)
    ran = output_of(result)
    said = f"{ran.get('stdout') or ''}{ran.get('stderr') or ''}"
    if said.strip():
        running.log(said.rstrip("\n") + "\n")
    if ran.get("exit_code") != 0:
        running.count_failure(result)
        raise ToolError("failed", _last_line(ran))
    text = await _read(running, inside, path)
    remove = {**inside, "path": folder, "recursive": True}
    await running.call("file_delete", remove, part="remove")
    return json.loads(text)


async def _read(running: Running, inside: dict[str, str], path: str) -> str:
    text, offset = "", 0
    while True:
        wanted = {**inside, "path": path, "offset": offset, "limit": PAGE, "encoding": "utf-8"}
        page = await running.call("file_read", wanted, part=f"read{offset}")
        text += str(page["content"])
        if page.get("next_offset") is None:
            return text
        offset = int(page["next_offset"])


def _last_line(ran: dict[str, Any]) -> str:
    lines = [line for line in str(ran.get("stderr") or "").splitlines() if line.strip()]
    return lines[-1].strip()[:1000] if lines else f"The code ended with {ran.get('exit_code')}."
