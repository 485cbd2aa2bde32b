"""Nodes that use the server's tools, at a real server with real kernels."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

from support.clients_of_ours import person
from support.flows import Bench, bench
from support.server import JupyterServer

pytestmark = pytest.mark.usefixtures("plain_server")


class RealTools:
    """The tools of a real server, called as the person at its machine.

    Args:
        server: The server.
    """

    def __init__(self, server: JupyterServer) -> None:
        self._server = server
        self.on_call = lambda: None

    async def call(
        self, run: str, tool: str, arguments: Mapping[str, Any], **_: Any
    ) -> Mapping[str, Any]:
        """Call a tool."""
        del run
        path, headers = f"jupyter_mcp/api/tools/{tool}", person(self._server)
        ask = functools.partial(self._server.request, "POST", path, dict(arguments), headers)
        told = (await asyncio.to_thread(ask)).json()
        if "structured" not in told:
            return {"isError": True, "content": [], "structuredContent": told}
        return {
            "isError": told["is_error"],
            "content": told["content"],
            "structuredContent": told["structured"],
        }


@contextlib.asynccontextmanager
async def _flows(server: JupyterServer, home: Path) -> AsyncIterator[tuple[Bench, RealTools]]:
    tools: Any = RealTools(server)
    async with bench(str(home / "w.db"), toolbox=tools) as made:
        yield made, tools


async def test_code_in_a_real_kernel(plain_server: JupyterServer, tmp_path: Path) -> None:
    async with _flows(plain_server, tmp_path) as (flows, tools):
        kernel = (await tools.call("", "kernel_start", {}))["structuredContent"]["kernel_id"]
        setting = {"kernel_id": kernel, "code": "base = 5"}
        await tools.call("", "kernel_execute", setting)
        code = "def run(input):\n    print('hi')\n    return {'all': [base, 'é'] * input}"
        node = {"id": "p", "kind": "processing", "code": code, "kernel_id": kernel}
        small = await flows.run([{**node, "input": 2}])
        assert small.outputs["p"] == {"all": [5, "é", 5, "é"]}
        assert flows.ledger.nodes[small.run, "p"]["log"] == "hi\n"
        large = await flows.run([{**node, "input": 3000}])
        assert large.outputs["p"] == {"all": [5, "é"] * 3000}
        bad = await flows.run(
            [{**node, "code": "def run(input):\n    return input['x']", "input": {}}]
        )
        assert bad.error is not None
        assert bad.error["message"] == "KeyError: 'x'"
        left = {"kernel_id": kernel, "code": "print([n for n in dir() if 'jupyter_mcp' in n])"}
        result = await tools.call("", "kernel_execute", left)
        assert result["structuredContent"]["text"].strip() == "[]"
        await tools.call("", "kernel_stop", {"kernel_id": kernel})


async def test_a_notebook_at_a_real_server(plain_server: JupyterServer, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell("print('x is', x)\nassert x > 1"),
        ]
    )
    (plain_server.root / "flow.ipynb").write_text(nbformat.writes(notebook))
    node = {"id": "nb", "kind": "notebook", "path": "flow.ipynb", "output": "kept/out.ipynb"}
    async with _flows(plain_server, tmp_path) as (flows, tools):
        good = await flows.run([{**node, "parameters": {"x": 7}}])
        assert good.outputs["nb"] == {"path": "kept/out.ipynb", "cells": 3}
        again = await flows.run([{**node, "parameters": {"x": 0}}])
        assert again.error is not None
        assert "Cell 3" in again.error["message"]
        assert "AssertionError" in again.error["message"]
        kept = nbformat.read(plain_server.root / "kept" / "out.ipynb", 4)
        assert kept.cells[1].metadata.tags == ["injected-parameters"]
        assert kept.cells[2].outputs[0].text == "x is 0\n"
        listed = await tools.call("", "kernel_list", {})
        used = [path for each in listed["structuredContent"]["kernels"] for path in each["paths"]]
        assert "kept/out.ipynb" not in used
