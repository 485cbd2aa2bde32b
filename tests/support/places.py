"""Stand-ins for the tools that run Python: a kernel, a sandbox and notebooks in a folder."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.printed.text import shortened
from support.flows import Toolbox, done, failed

OUTPUT_BYTES = 10_000

Json = dict[str, Any]


class FakeKernel:
    """A kernel: code runs in one namespace, and long output is shortened as the tools do.

    Args:
        toolbox: Where its tool is put.
        variables: What the kernel knows.
    """

    def __init__(self, toolbox: Toolbox, **variables: Any) -> None:
        self.variables: Json = {"__name__": "__main__", **variables}
        toolbox.tools["kernel_execute"] = self.execute

    def execute(self, arguments: Json) -> Json:
        """Run code."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(arguments["code"], self.variables)
        except Exception as error:  # noqa: BLE001 - so does a kernel
            told = {"ename": type(error).__name__, "evalue": str(error), "traceback": "…"}
            structured = {"kernel_id": "k", "status": "error", "text": "", "error": told}
            content = [{"type": "text", "text": f"Traceback …\n{error}"}]
            return {"isError": True, "content": content, "structuredContent": structured}
        text = shortened(printed.getvalue(), OUTPUT_BYTES)
        return done(kernel_id="k", status="ok", text=text, error=None)


class Folder:
    """A folder with the tools for files and commands in it.

    Args:
        toolbox: Where the tools are put.
        path: The folder.
    """

    def __init__(self, toolbox: Toolbox, path: Path) -> None:
        self.path = path
        toolbox.tools |= {
            "file_write": self.write,
            "file_read": self.read,
            "file_delete": self.delete,
            "file_move": self.move,
            "terminal_run": self.run,
            "kernel_start": lambda _: done(kernel_id="k1", name="python3", new=True),
            "kernel_stop": lambda _: done(kernel_id="k1", state="stopped"),
            "cell_run": self.cells,
        }

    def write(self, arguments: Json) -> Json:
        """Write a file."""
        path = self.path / arguments["path"]
        if path.exists() and path.suffix == ".ipynb":
            raise ToolError("conflict", "It is a notebook.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["content"])
        return done(path=arguments["path"], size=1, revision="r")

    def read(self, arguments: Json) -> Json:
        """Read a page of a file."""
        path = self.path / arguments["path"]
        if not path.exists():
            return failed(f"There is no '{arguments['path']}'.", "not_found")
        data, start = path.read_bytes(), arguments["offset"]
        end = start + arguments["limit"]
        more = end if end < len(data) else None
        return done(content=data[start:end].decode(), next_offset=more)

    def delete(self, arguments: Json) -> Json:
        """Delete a file or a folder."""
        path = self.path / arguments["path"]
        for each in [*path.glob("*")] if path.is_dir() else [path]:
            each.unlink()
        return done(path=arguments["path"])

    def move(self, arguments: Json) -> Json:
        """Move a file."""
        target = self.path / arguments["new_path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.path / arguments["path"]).rename(target)
        return done(path=arguments["new_path"])

    def run(self, arguments: Json) -> Json:
        """Run a command."""
        command = arguments["command"].replace("python3", sys.executable, 1)
        ran = subprocess.run(
            command, shell=True, cwd=self.path, capture_output=True, text=True, check=False
        )
        return done(exit_code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)

    def cells(self, arguments: Json) -> Json:
        """Run the cells of a notebook."""
        notebook = json.loads((self.path / arguments["path"]).read_text())
        ran: list[Json] = []
        variables: Json = {}
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            ran.append({"cell_id": cell.get("id", "?"), "status": "ok", "error": None})
            try:
                exec("".join(cell["source"]), variables)
            except Exception as error:  # noqa: BLE001 - so does a kernel
                told = {"ename": type(error).__name__, "evalue": str(error), "traceback": ""}
                ran[-1] |= {"status": "error", "error": told}
                structured = {"path": arguments["path"], "kernel_id": "k1", "cells": ran}
                text = [{"type": "text", "text": f"{error}"}]
                return {"isError": True, "content": text, "structuredContent": structured}
        return done(path=arguments["path"], kernel_id="k1", status="ok", cells=ran)
