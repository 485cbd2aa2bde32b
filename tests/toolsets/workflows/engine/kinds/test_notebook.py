"""Notebook nodes, by papermill's conventions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.parameters import injected
from jupyter_mcp.toolsets.workflows.spec.parsing import parse
from jupyter_mcp.toolsets.workflows.spec.uses import tools_of
from support.flows import Bench, failed
from support.places import Folder


def _code(source: str, *tags: str, **fields: Any) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "id": fields.pop("id", "c"),
        "metadata": metadata,
        "source": source,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
        "execution_count": 3,
    }


def _notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


TITLE = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# T"}


def _sources(notebook: dict[str, Any]) -> list[str]:
    return [each["source"] for each in notebook["cells"]]


def test_parameters_stand_behind_their_defaults() -> None:
    made = injected(
        _notebook(TITLE, _code("x = 1", "parameters"), _code("print(x)")),
        {"x": 2, "names": ["a", None], "on": True},
    )
    assert _sources(made)[1:3] == ["x = 1", "# Parameters\nx = 2\nnames = ['a', None]\non = True"]
    assert made["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
    assert [each.get("outputs") for each in made["cells"]] == [None, [], [], []]


def test_parameters_take_the_place_of_earlier_ones_or_stand_first() -> None:
    again = injected(
        _notebook(_code("a"), _code("x = 9", "injected-parameters"), _code("b")), {"x": 1}
    )
    assert _sources(again) == ["a", "# Parameters\nx = 1", "b"]
    assert _sources(injected(_notebook(_code("a")), {"x": 1})) == ["# Parameters\nx = 1", "a"]


def test_without_parameters_no_cell_comes_in() -> None:
    assert _sources(injected(_notebook(_code("a", "parameters")), {})) == ["a"]


@pytest.mark.parametrize("name", ["a b", "class", "1x", "x;import os"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ToolError, match="no name"):
        injected(_notebook(_code("a")), {name: 1})


def test_a_notebook_of_another_language_gets_no_python() -> None:
    notebook = _notebook(_code("a"), kernelspec={"name": "ir", "language": "R"})
    with pytest.raises(ToolError, match="this one is R"):
        injected(notebook, {"x": 1})
    assert injected(notebook, {})["cells"]


async def test_a_notebook_is_run_with_parameters_and_kept(flows: Bench, tmp_path: Path) -> None:
    Folder(flows.toolbox, tmp_path)
    source = _notebook(_code("x = 1", "parameters"), _code("assert x == 7"))
    (tmp_path / "a.ipynb").write_text(json.dumps(source))
    node = {
        "id": "nb",
        "kind": "notebook",
        "path": "a.ipynb",
        "parameters": {"x": "${parameters.x}"},
    }
    ended = await flows.run([node], parameters={"x": 7})
    kept = f"workflows/{ended.run}/nb.ipynb"
    assert ended.outputs["nb"] == {"path": kept, "cells": 3}
    assert "x = 7" in json.loads((tmp_path / kept).read_text())["cells"][1]["source"]
    assert json.loads((tmp_path / "a.ipynb").read_text()) == source
    [ran] = flows.toolbox.named("cell_run")
    assert ran.arguments == {"path": kept, "stop_kernel": True, "folder": ""}
    (checked,) = parse({"name": "a", "nodes": [node]}).nodes
    assert {each.tool for each in flows.toolbox.calls} == {*tools_of(checked)}


async def test_the_error_of_the_cell_that_fails_is_told(flows: Bench, tmp_path: Path) -> None:
    Folder(flows.toolbox, tmp_path)
    (tmp_path / "a.ipynb").write_text(json.dumps(_notebook(_code("1"), _code("1/0", id="bad"))))
    node = {"id": "nb", "kind": "notebook", "path": "a.ipynb", "output": "out.ipynb"}
    ended = await flows.run([node])
    assert ended.error is not None
    assert ended.error["message"] == (
        "Cell 2 (bad) of 'out.ipynb' failed: ZeroDivisionError: division by zero."
    )


async def test_a_kept_notebook_of_yesterday_makes_room_and_stays(
    flows: Bench, tmp_path: Path
) -> None:
    Folder(flows.toolbox, tmp_path)
    (tmp_path / "a.ipynb").write_text(json.dumps(_notebook(_code("print(1)"))))
    node = {"id": "nb", "kind": "notebook", "path": "a.ipynb", "output": "out.ipynb"}
    assert (await flows.run([node])).status == "succeeded"
    ended = await flows.run([node])
    assert ended.outputs["nb"] == {"path": "out.ipynb", "cells": 1}
    assert (tmp_path / "workflows" / ended.run / "nb.before-1.ipynb").exists()
    assert flows.toolbox.named("file_delete") == []


async def test_a_notebook_that_made_room_is_run_again_when_it_fails(
    flows: Bench, tmp_path: Path
) -> None:
    Folder(flows.toolbox, tmp_path)
    (tmp_path / "a.ipynb").write_text(json.dumps(_notebook(_code("print(1)"))))
    (tmp_path / "out.ipynb").write_text("{}")
    run, broken = flows.toolbox.tools["cell_run"], [failed("Broken.")]
    flows.toolbox.tools["cell_run"] = lambda given: broken.pop() if broken else run(given)
    retry = {"attempts": 2, "delay": 0}
    node = {"id": "nb", "kind": "notebook", "path": "a.ipynb", "output": "out.ipynb"}
    ended = await flows.run([{**node, "retry": retry}])
    assert ended.outputs["nb"] == {"path": "out.ipynb", "cells": 1}
    assert len(flows.toolbox.named("cell_run")) == 2


async def test_a_kernel_can_be_named(flows: Bench, tmp_path: Path) -> None:
    Folder(flows.toolbox, tmp_path)
    (tmp_path / "a.ipynb").write_text(json.dumps(_notebook(_code("print(1)"))))
    node = {"id": "nb", "kind": "notebook", "path": "a.ipynb", "kernel": "xpython"}
    ended = await flows.run([node])
    kept = json.loads((tmp_path / ended.outputs["nb"]["path"]).read_text())
    assert kept["metadata"]["kernelspec"]["name"] == "xpython"


@pytest.mark.parametrize(("text", "message"), [("{", "no notebook"), ("[]", "no notebook")])
async def test_what_is_no_notebook_is_refused(
    flows: Bench, tmp_path: Path, text: str, message: str
) -> None:
    Folder(flows.toolbox, tmp_path)
    (tmp_path / "a.ipynb").write_text(text)
    ended = await flows.run([{"id": "nb", "kind": "notebook", "path": "a.ipynb"}])
    assert ended.error is not None
    assert message in ended.error["message"]
