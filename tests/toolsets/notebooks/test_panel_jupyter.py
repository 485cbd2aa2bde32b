"""The panel's door: what is asked of a JupyterLab that has the notebook open."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    Cell,
    Clear,
    Delete,
    Extend,
    Insert,
    Move,
    Replace,
    SetMetadata,
    SetSource,
    SetType,
    StaleError,
)
from jupyter_mcp.toolsets.notebooks.panel_jupyter import PanelBackend

STREAM = {"output_type": "stream", "name": "stdout", "text": "one\n"}


class Page:
    """A page that does what the docstring of `panel_jupyter` says, in Python."""

    def __init__(self, *cells: dict[str, Any]) -> None:
        self.cells = list(cells)
        self.typed: dict[str, float] = {}
        self.ops: list[dict[str, Any]] = []
        self.saved: list[Any] = []
        self.before_apply: Any = None

    def connected(self, path: str) -> bool:
        return path == "nb.ipynb"

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        assert path == "nb.ipynb"
        await asyncio.sleep(0)
        self.ops.append(copy.deepcopy(op))
        match op["op"]:
            case "read":
                return copy.deepcopy(
                    {"cells": self.cells, "metadata": {"x": 1}, "typed": self.typed}
                )
            case "apply":
                return self.apply(op)
            case "output":
                return self.output(op)
            case "save":
                self.saved.append(copy.deepcopy(self.cells))
                return {"ok": True}
        return {"error": "unknown operation"}

    def cell(self, cell_id: str) -> dict[str, Any]:
        return next(cell for cell in self.cells if cell["id"] == cell_id)

    def apply(self, op: dict[str, Any]) -> dict[str, Any]:
        if self.before_apply:
            self.before_apply()
        sources = {cell["id"]: cell["source"] for cell in self.cells}
        if stale := [key for key, source in op["expect"].items() if sources.get(key) != source]:
            return {"stale": stale}
        for edit in op["edits"]:
            self.edit(edit)
        return {"ok": True}

    def edit(self, edit: dict[str, Any]) -> None:
        match edit:
            case {"kind": "insert", "index": index, "cell": cell}:
                self.cells.insert(index, cell)
            case {"kind": "delete", "cell_id": cell_id}:
                self.cells.remove(self.cell(cell_id))
            case {"kind": "splice", "cell_id": cell_id, "splices": splices}:
                cell = self.cell(cell_id)
                for start, deleted, inserted in splices:
                    text = cell["source"]
                    cell["source"] = text[:start] + inserted + text[start + deleted :]
            case {"kind": "type", "cell_id": cell_id, "cell_type": cell_type}:
                self.cell(cell_id)["cell_type"] = cell_type
            case {"kind": "metadata", "cell_id": cell_id, "metadata": metadata}:
                self.cell(cell_id)["metadata"] = metadata
            case {"kind": "move", "cell_id": cell_id, "index": index}:
                cell = self.cell(cell_id)
                self.cells.remove(cell)
                self.cells.insert(index, cell)
            case _:
                raise AssertionError(edit)

    def output(self, op: dict[str, Any]) -> dict[str, Any]:
        cell = self.cell(op["cell_id"])
        for change in op["changes"]:
            match change:
                case {"kind": "begin", "trusted": trusted}:
                    cell.update(outputs=[], execution_count=None, state="running")
                    cell["metadata"]["trusted"] = trusted
                case {"kind": "append", "output": output}:
                    cell["outputs"].append(output)
                case {"kind": "extend", "index": index, "text": text}:
                    cell["outputs"][index]["text"] += text
                case {"kind": "replace", "index": index, "output": output}:
                    cell["outputs"][index] = output
                case {"kind": "clear"}:
                    cell["outputs"] = []
                case {"kind": "count", "execution_count": count}:
                    cell["execution_count"] = count
                case {"kind": "end"}:
                    cell["state"] = "idle"
                case _:
                    raise AssertionError(change)
        return {"ok": True}


def cell(cell_id: str, source: str) -> dict[str, Any]:
    return {
        "id": cell_id,
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


@pytest.fixture
def page() -> Page:
    return Page(cell("a", "a = 1\nb = 2"), cell("b", "b"), cell("c", "c"))


async def opened(page: Page) -> Any:
    document = await PanelBackend(page, Supervisor().spawn).open("nb.ipynb")
    assert document is not None
    return document


async def test_only_what_a_page_has_open_is_opened(page: Page) -> None:
    assert await PanelBackend(page, Supervisor().spawn).open("other.ipynb") is None
    document = await opened(page)
    assert [each.id for each in await document.cells()] == ["a", "b", "c"]
    assert await document.metadata() == {"x": 1}


async def test_edits_arrive_as_the_page_expects_them(page: Page) -> None:
    document = await opened(page)
    await document.apply(
        [
            SetSource("a", "a = 1\nb = 22"),
            Insert(0, Cell("n", "markdown", "# N")),
            SetMetadata("b", {"k": 1}),
            SetType("b", "raw"),
            Move("c", 0),
        ]
    )
    assert [each["id"] for each in page.cells] == ["c", "n", "a", "b"]
    assert page.cell("a")["source"] == "a = 1\nb = 22"
    assert page.cell("b")["cell_type"] == "raw"
    assert page.cell("b")["metadata"] == {"k": 1}
    splice = page.ops[-1]["edits"][0]
    assert splice["splices"] == [(11, 0, "2")]
    await document.apply([Delete("c")])
    assert [each["id"] for each in page.cells] == ["n", "a", "b"]


async def test_what_the_person_changed_meanwhile_is_stale(page: Page) -> None:
    document = await opened(page)
    (read, *_) = await document.cells()
    page.before_apply = lambda: page.cell("a").update(source="typed")
    with pytest.raises(StaleError):
        await document.apply([SetSource("a", "x")])
    with pytest.raises(StaleError):
        await document.apply([Delete("a")], {"a": read.revision})
    assert page.cell("a")["source"] == "typed"


async def test_who_is_typing_is_known(page: Page) -> None:
    page.typed = {"a": 1.5}
    document = await opened(page)
    await document.cells()
    assert document.idle_seconds("a") == 1.5
    assert document.idle_seconds("b") == float("inf")


async def test_outputs_arrive_in_order_before_the_page_saves(page: Page) -> None:
    document = await opened(page)
    writer = await document.writer("a")
    writer.begin()
    writer.change(Append(STREAM))
    for _ in range(50):
        writer.change(Extend(0, "x"))
    writer.change(Append(STREAM))
    writer.change(Replace(1, {"output_type": "display_data", "data": {}, "metadata": {}}))
    writer.count(3)
    writer.end()
    await document.save()
    ((done, *_),) = page.saved
    assert done["outputs"][0]["text"] == "one\n" + "x" * 50
    assert done["outputs"][1]["output_type"] == "display_data"
    assert (done["execution_count"], done["state"]) == (3, "idle")
    assert done["metadata"] == {"trusted": False}
    sent = [change for op in page.ops if op["op"] == "output" for change in op["changes"]]
    assert len([change for change in sent if change["kind"] == "extend"]) == 1
    writer.change(Clear())
    await document.save()
    assert page.saved[-1][0]["outputs"] == []


async def test_errors_of_the_page_are_told(page: Page) -> None:
    document = await opened(page)
    with pytest.raises(ToolError, match="unknown operation") as error:
        await document.request("dance")
    assert error.value.code == "unavailable"
    with pytest.raises(ToolError, match="no cell 'x'"):
        await document.writer("x")
    with pytest.raises(ToolError, match="no cell 'x'"):
        await document.apply([Delete("x")])


async def test_a_page_that_lost_a_cell_says_so(page: Page) -> None:
    document = await opened(page)

    async def request(path: str, op: dict[str, Any]) -> dict[str, Any]:
        if op["op"] == "apply":
            return {"missing": "a"}
        return await Page.request(page, path, op)

    page.request = request  # type: ignore[method-assign] # another answer of the same page
    with pytest.raises(ToolError, match="no cell 'a'"):
        await document.apply([SetMetadata("a", {})])
