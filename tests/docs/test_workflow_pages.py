"""What the pages on workflows show, done; the tutorial from its first cell to its last."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_notebook, new_raw_cell
from traitlets.config import Config

import jupyter_mcp
from jupyter_mcp.errors import ToolError
from jupyter_mcp.ipython.client import Client
from jupyter_mcp.ipython.workflow_words import SUBWORDS
from jupyter_mcp.server.extension import JupyterMCP
from jupyter_mcp.toolsets.workflows.spec.checking import check
from jupyter_mcp.toolsets.workflows.spec.notebook import from_notebook
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from support import commands
from support.notebooks import code
from support.runtimes import OWNER, call, running
from support.server import JupyterServer, wait_until

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "how-to" / "workflows.md").read_text()
TUTORIAL = (DOCS / "tutorials" / "a-workflow-that-survives.md").read_text()


def blocks(text: str, language: str, word: str) -> list[str]:
    """Return the examples in a language in which a word occurs."""
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [each for each in found if word in each]


async def test_the_specs_of_the_how_to_can_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (built,) = blocks(PAGE, "python", "import Workflow")
    file = tmp_path / "example.py"  # a step's source is read, so it needs a file
    file.write_text(built)
    exec(compile(built, str(file), "exec", dont_inherit=True), {"__name__": "example"})
    specs = [*blocks(PAGE, "yaml", "nodes:"), capsys.readouterr().out]
    async with running(tmp_path) as runtime:
        tools = runtime.catalog.seen_tools(OWNER)
        assert [check(parse(spec), tools) for spec in specs] == [[], [], []]


async def test_the_schedule_of_the_how_to_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, dict[str, Any]]] = []

    class Caller:
        def __init__(self, toolsets: str) -> None:
            assert toolsets == "all"

        def call(self, tool: str, **arguments: Any) -> None:
            called.append((tool, arguments))

    monkeypatch.setattr(jupyter_mcp, "Client", Caller, raising=False)
    (source,) = blocks(PAGE, "python", "client.call")
    exec(compile(source, "example", "exec", dont_inherit=True), {"__name__": "example"})
    ((tool, arguments),) = called
    async with running(tmp_path) as runtime:
        told = await call(runtime, tool, **arguments)
        assert not told.is_error, told
        assert told.structured["next_at"]


def test_the_settings_of_the_how_to_are_settings() -> None:
    config = Config()
    for source in blocks(PAGE, "python", "c.JupyterMCP"):
        exec(compile(source, "example", "exec", dont_inherit=True), {"c": config})
    inline = re.findall(r"`(c\.JupyterMCP\.[^`]*)`", PAGE)
    for line in inline:
        exec(compile(line, "example", "exec", dont_inherit=True), {"c": config})
    told = config["JupyterMCP"]
    assert set(told) <= set(JupyterMCP.class_trait_names(config=True))
    settings = JupyterMCP(config=config).to_settings()
    assert dict(settings.workflow_places) == {"kernels": 2, "gpu": 1}


def test_the_words_of_the_pages_are_known() -> None:
    said = re.findall(r"%mcp workflow (\w+)", PAGE + TUTORIAL)
    assert len(said) > 10
    assert set(said) <= set(SUBWORDS)


def test_the_templates_of_the_how_to_are_the_shipped_ones() -> None:
    from jupyter_mcp.toolsets.workflows.templates.shipped import shipped

    named = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    assert {each.name for each in shipped().values()} <= named


def test_a_notebook_by_the_tags_of_the_how_to_is_a_workflow() -> None:
    tags = re.findall(r"^\| `([a-z]+)(?::[A-Z]+)?` \| [ar]|^\| `([a-z]+):", PAGE, re.MULTILINE)
    assert [one or other for one, other in tags] == [
        "parameters",
        "workflow",
        "node",
        "kind",
        "needs",
    ]
    cells = [
        code("limit = 3", "c1", tags=["parameters"]),
        new_raw_cell("version: 1.0.0", metadata={"tags": ["workflow"]}),
        code("list(range(limit))", "c2", tags=["node:count"]),
        new_raw_cell("channel: panel\nbody: Done.", metadata={"tags": TAGS}),
    ]
    spec = from_notebook(new_notebook(cells=cells), "counts")
    assert check(spec, None, {"kernel_id": "k"}) == []
    assert [(node.id, node.kind) for node in spec.nodes] == [
        ("count", "processing"),
        ("tell", "notification"),
    ]


TAGS = ["node:tell", "kind:notification", "needs:count"]


class Notebook:
    """A notebook's kernel at a server, in which the tutorial's cells are run."""

    def __init__(self, server: JupyterServer, client: Client) -> None:
        server.root.joinpath("try.ipynb").write_text(EMPTY)
        self._client = client
        client.call("kernel_start", path="try.ipynb")

    def run(self, source: str) -> str:
        """Run a cell and return what it shows."""
        ran = self._client.call("kernel_execute", path="try.ipynb", code=source).structured
        assert ran["status"] == "ok", ran
        return str(ran["text"])


EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def test_the_tutorial(tmp_path: Path) -> None:
    load, start, crash, _, listed, result = blocks(TUTORIAL, "python", "")
    start = start.replace("seconds: 60", "seconds: 8")
    server = JupyterServer(tmp_path, collaboration=False)
    server.start()
    try:
        with Client(server.url, server.token) as client:
            notebook = Notebook(server, client)
            notebook.run(load)
            notebook.run(start)
            wait_until((server.root / "diary.txt").exists, seconds=30, what="the file is written")
            assert commands.run(server, "worker", "status").returncode == 0
            with pytest.raises(ToolError):
                notebook.run(crash)
        server.kill()  # it is dead already, but its kernels may not have noticed
        server.start()
        with Client(server.url, server.token) as client:
            notebook = Notebook(server, client)
            notebook.run(load)
            assert "survivor" in notebook.run(listed)
            printed = notebook.run(result).strip().splitlines()
        run = (server.root / "diary.txt").read_text().split()[0]
        assert printed == ["succeeded", f"{run} was here before the crash, and after it."]
    finally:
        commands.run(server, "worker", "stop")
        server.kill()
