"""Notebook nodes: a notebook is run with parameters, and the one that was run is kept.

The conventions are papermill's: parameters go into a cell of their own behind the one that is
tagged ``parameters``, tagged ``injected-parameters``, and take the place of an earlier such cell.
Its kernel works where the source is, so that it finds what it reads, wherever the output is kept.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from collections.abc import Mapping
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.parameters import injected
from jupyter_mcp.toolsets.workflows.engine.running import Running, output_of, text_of
from jupyter_mcp.toolsets.workflows.spec.models import Notebook

PAGE = 200_000
"""Bytes of a notebook that are read at once."""


async def run_notebook(running: Running) -> Any:
    """Return ``path`` of the notebook that was run, and how many ``cells`` ran.

    Raises:
        ToolError: ``failed`` with the error of the first cell that failed; what a tool says.
    """
    work = cast("Notebook", running.work)
    source = str(running.field("path"))
    kept = str(running.field("output") or f"workflows/{running.run}/{running.node}.ipynb")
    parameters = cast("dict[str, Any]", running.field("parameters"))
    running.input = {"path": source, "parameters": parameters, "output": kept}
    notebook = injected(await _read(running, source), parameters)
    if work.kernel is not None:
        name = str(running.field("kernel"))
        notebook.setdefault("metadata", {})["kernelspec"] = {"name": name, "display_name": name}
    await _write(running, kept, notebook)
    # The kernel is this run's own, so it may end it; `kernel_stop` would have to be approved.
    wanted = {"path": kept, "stop_kernel": True, "folder": posixpath.dirname(source)}
    result = await running.result("cell_run", wanted)
    return _output(running, kept, result)


def _output(running: Running, path: str, result: Mapping[str, Any]) -> dict[str, Any]:
    structured = result.get("structuredContent")
    ran = structured if isinstance(structured, dict) else {}
    cells = list(ran.get("cells") or ())
    if not result.get("isError"):
        return {"path": path, "cells": len(cells)}
    running.log(text_of(result) + "\n")
    if not cells:
        output_of(result)  # raises what the tool says
    last = cells[-1] if cells else {}
    error = last.get("error") or {}
    said = f"{error.get('ename', 'Error')}: {error.get('evalue', '')}".strip().rstrip(".")
    raise ToolError(
        "failed",
        f"Cell {len(cells)} ({last.get('cell_id', '?')}) of '{path}' failed: {said}.",
        "Open that notebook to see more.",
    )


async def _read(running: Running, path: str) -> dict[str, Any]:
    text, offset = "", 0
    while True:
        wanted = {"path": path, "offset": offset, "limit": PAGE, "encoding": "utf-8"}
        page = await running.call("file_read", wanted, part=f"read{offset}")
        text += str(page["content"])
        if page.get("next_offset") is None:
            break
        offset = int(page["next_offset"])
    with contextlib.suppress(ValueError):
        notebook = json.loads(text)
        if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list):
            return notebook
    raise ToolError("invalid_arguments", f"'{path}' is no notebook.", "Give the path of an .ipynb.")


async def _write(running: Running, path: str, notebook: Mapping[str, Any]) -> None:
    """Write the notebook; one that is there from an earlier run is put beside this run's.

    It is not deleted: that would be asked for each time, and may not be meant.
    """
    content = {"path": path, "content": json.dumps(notebook), "overwrite": False}
    failures = running.failed[running.node]
    try:
        await running.call("file_write", content, part="write")
    except ToolError as error:
        if error.code != "conflict":
            raise
        running.failed[running.node] = failures  # that was an answer, but no failure of this node
        aside = f"workflows/{running.run}/{running.node}.before-{running.attempts}.ipynb"
        await running.call("file_move", {"path": path, "new_path": aside}, part="move")
        await running.call("file_write", content, part="rewrite")
