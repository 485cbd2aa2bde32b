"""The notebook tools, resources, prompts and completions, as a client meets them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_output

from jupyter_mcp.calls import Call, Context, Image, JupyterServices, Link, Result
from jupyter_mcp.calls.events import Event, ResourcesChanged, ResourceUpdated
from jupyter_mcp.config import Settings
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.notebooks.tools import Notebooks
from support.notebooks import (
    close_app,
    big_notebook,
    code,
    markdown,
    on_disk,
    server_app,
    sources_on_disk,
    until,
    write_notebook,
)
from support.runtimes import OWNER, PERSON, call

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

SECRET = "the-private-thing"


class Desk:
    """A runtime over a real Jupyter server without sockets."""

    def __init__(self, runtime: Runtime, root: Path) -> None:
        self.runtime = runtime
        self.root = root
        self.events: list[Event] = []
        runtime.events.subscribe(self.events.append)

    def notebook(self, *cells: Any, name: str = "nb.ipynb") -> Path:
        return write_notebook(self.root / name, *cells)

    async def ask(self, tool: str, **arguments: Any) -> Result:
        result: Result = await call(self.runtime, tool, **arguments)
        return result

    async def do(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.ask(tool, **arguments)
        assert not result.is_error, result.error
        assert result.structured is not None
        return result.structured

    async def read(self, uri: str, **values: str) -> Any:
        view = self.runtime.catalog.view(OWNER)
        result = await self.runtime.call(view.resources[uri], values, OWNER, "test")
        if result.error:
            raise result.error
        return result.value

    async def prompt(self, name: str, **values: str) -> str:
        view = self.runtime.catalog.view(OWNER)
        result = await self.runtime.call(view.prompts[name], values, OWNER, "test")
        if result.error:
            raise result.error
        blocks = result.value if isinstance(result.value, list) else [result.value]
        return "\n".join(getattr(block, "text", str(block)) for block in blocks)

    async def complete(self, argument: str, prefix: str, **given: str) -> list[str]:
        completer = self.runtime.catalog.view(OWNER).completers["notebooks", argument]
        arguments = {"prefix": prefix, "given": given}
        result = await self.runtime.call(completer, arguments, OWNER, "test")
        found: list[str] = result.value
        return found


@contextlib.asynccontextmanager
async def desk_over(home: Path, *, live: bool) -> AsyncIterator[Desk]:
    (home / "root").mkdir()
    app = server_app(home, live=live)
    extensions = app.extension_manager.extension_apps
    ydoc = next(iter(extensions["jupyter_server_ydoc"])) if live else None
    services = JupyterServices(
        contents_manager=app.contents_manager,
        kernel_manager=app.kernel_manager,
        kernel_spec_manager=app.kernel_spec_manager,
        session_manager=app.session_manager,
        ydoc=ydoc,
        root_dir=str(home / "root"),
    )
    runtime = Runtime(Settings(state_dir=str(home / "state")), services)
    with contextlib.chdir(home):
        await runtime.start()
        try:
            yield Desk(runtime, home / "root")
        finally:
            await runtime.stop()
            if ydoc is not None:
                await ydoc.stop_extension()
            close_app(app)


@pytest.fixture(params=["disk", "live"])
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with desk_over(tmp_path, live=request.param == "live") as opened:
        yield opened


async def test_a_session_from_an_empty_folder_to_a_mended_notebook(desk: Desk) -> None:
    cells = [{"source": "# Sums", "cell_type": "markdown"}, {"source": "a = 1"}]
    made = await desk.do("notebook_create", path="/d.ipynb", cells=cells)
    assert made["path"] == "d.ipynb"
    assert len(made["cell_ids"]) == 2
    listed = await desk.do("notebook_list")
    assert [entry["path"] for entry in listed["notebooks"]] == ["d.ipynb"]
    new = await desk.do("cell_insert", path="d.ipynb", source="b = a", after=made["cell_ids"][1])
    place = {"path": "d.ipynb", "cell_id": new["cell_id"]}
    edited = await desk.do("cell_edit", **place, old="a", new="a + 1", revision=new["revision"])
    assert edited["revision"] != new["revision"]
    await desk.do("cell_move", **place, before=made["cell_ids"][0])
    outline = await desk.do("notebook_read", path="d.ipynb")
    assert [cell["head"] for cell in outline["cells"]] == ["b = a + 1", "# Sums", "a = 1"]
    whole = await desk.do("notebook_read", path="d.ipynb", detail="cells")
    assert [cell["source"] for cell in whole["cells"]] == ["b = a + 1", "# Sums", "a = 1"]
    await desk.do("cell_delete", **place)
    history = await desk.do("notebook_history", path="d.ipynb")
    actions = [change["action"] for change in history["changes"]]
    assert actions == ["delete", "move", "edit", "insert", "create"]
    assert history["changes"][2]["diff"].endswith("-b = a\n+b = a + 1")
    undone = await desk.do("notebook_undo", path="d.ipynb", steps=3)
    assert [line.split()[0] for line in undone["undone"]] == ["delete", "move", "edit"]
    read = await desk.do("cell_read", **place)
    assert read["source"] == "b = a"
    metadata = on_disk(desk.root / "d.ipynb")["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("there.ipynb", "exists"),
        ("missing/new.ipynb", "not_found"),
        ("../new.ipynb", "forbidden"),
        (".hidden.ipynb", "forbidden"),
        ("new.txt", "invalid_arguments"),
    ],
)
async def test_a_notebook_is_not_made_where_it_must_not(desk: Desk, path: str, code: str) -> None:
    file = desk.notebook(markdown("kept", "k"), name="there.ipynb")
    result = await desk.ask("notebook_create", path=path)
    assert result.error is not None
    assert result.error.code == code
    assert result.error.remedy
    assert sources_on_disk(file) == ["kept"]


async def test_folders_are_listed_and_paged(desk: Desk) -> None:
    for i in range(205):
        (desk.root / f"n{i:03}.ipynb").write_text("{}")
    (desk.root / "sub").mkdir()
    (desk.root / "data.csv").write_text("1")
    first = await desk.do("notebook_list")
    assert len(first["notebooks"]) == 200
    assert "sub" in first["folders"]
    rest = await desk.do("notebook_list", cursor=first["next_cursor"])
    assert [entry["path"] for entry in rest["notebooks"]][-1] == "n204.ipynb"
    assert (await desk.do("notebook_list", path="sub"))["notebooks"] == []
    for path, told in (("none", "not_found"), ("data.csv", "invalid"), ("..", "forbidden")):
        result = await desk.ask("notebook_list", path=path)
        assert result.error is not None
        assert result.error.code.startswith(told)


async def test_private_cells_appear_nowhere(desk: Desk) -> None:
    failed = code(f"print('{SECRET}')", "s", tags=["private"])
    failed.outputs = [new_output("error", ename="E", evalue=SECRET, traceback=[SECRET])]
    desk.notebook(code("a = 1", "a"), failed, code("b = 1", "b"))
    await desk.do("cell_edit", path="nb.ipynb", cell_id="b", source="b = 2")
    answers = [
        (await desk.do("notebook_read", path="nb.ipynb")),
        (await desk.do("notebook_read", path="nb.ipynb", detail="cells")),
        (await desk.do("notebook_history", path="nb.ipynb")),
        (await desk.read("notebook://{+path}", path="nb.ipynb")),
        (await desk.prompt("explain_notebook", path="nb.ipynb")),
        (await desk.complete("cell_id", "", path="nb.ipynb")),
    ]
    assert answers[0]["total"] == 2
    assert answers[-1] == ["a", "b"]
    assert SECRET not in json.dumps(answers)
    for tool, arguments in (
        ("cell_read", {}),
        ("cell_edit", {"source": "x"}),
        ("cell_delete", {}),
        ("cell_move", {"after": "a"}),
    ):
        result = await desk.ask(tool, path="nb.ipynb", cell_id="s", **arguments)
        assert result.error is not None
        assert result.error.code == "not_found"
    for uri, values in (
        ("cell://{cell_id}/{+path}", {}),
        ("cell-output://{cell_id}/{index}/{+path}", {"index": "0"}),
    ):
        with pytest.raises(Exception, match="no cell 's'"):
            await desk.read(uri, cell_id="s", path="nb.ipynb", **values)
    with pytest.raises(Exception, match="shows an error"):
        await desk.prompt("fix_failing_cell", path="nb.ipynb")


def png(side: int) -> str:
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.effect_noise((side, side), 90).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


async def test_a_cell_is_read_with_its_outputs_made_small(desk: Desk) -> None:
    cell = code("show()", "a")
    cell.execution_count = 2
    cell.outputs = [
        new_output("stream", text="\x1b[31mred\x1b[0m\n" + "x" * 50_000),
        new_output("display_data", {"image/png": png(1500), "text/plain": "<Figure>"}),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[0;31mTrace", "no"]),
    ]
    desk.notebook(cell)
    result = await desk.ask("cell_read", path="nb.ipynb", cell_id="a")
    assert result.structured is not None
    assert result.structured["run"] == 2
    assert result.structured["outputs"][2] == "ValueError: no"
    assert "trusted" not in result.structured["metadata"]
    shown = json.dumps(result.structured) + "".join(
        getattr(block, "text", "") for block in result.content
    )
    assert "\x1b" not in shown
    assert len(shown) < 15_000
    (image,) = [block for block in result.content if isinstance(block, Image)]
    from PIL import Image as Picture

    assert max(Picture.open(io.BytesIO(image.data)).size) == 1024
    links = [block.uri for block in result.content if isinstance(block, Link)]
    assert links == ["cell-output://a/0/nb.ipynb", "cell-output://a/1/nb.ipynb"]
    uri = "cell-output://{cell_id}/{index}/{+path}"
    text = await desk.read(uri, cell_id="a", index="0", path="nb.ipynb")
    assert text.data == "red\n" + "x" * 50_000
    picture = await desk.read(uri, cell_id="a", index="1", path="nb.ipynb")
    assert picture.mime == "image/png"
    assert Picture.open(io.BytesIO(picture.data)).size == (1500, 1500)
    whole = json.loads(await desk.read("cell://{cell_id}/{+path}", cell_id="a", path="nb.ipynb"))
    assert whole["outputs"][2]["ename"] == "ValueError"
    with pytest.raises(Exception, match="no output 9"):
        await desk.read(uri, cell_id="a", index="9", path="nb.ipynb")


async def test_a_cell_with_very_many_outputs_is_read_in_part(desk: Desk) -> None:
    cell = code("show()", "a")
    cell.outputs = [new_output("display_data", {"image/png": png(50)}) for _ in range(20)]
    cell.outputs += [new_output("display_data", {"text/plain": "x" * 9_000}) for _ in range(500)]
    desk.notebook(cell)
    result = await desk.ask("cell_read", path="nb.ipynb", cell_id="a")
    assert sum(isinstance(block, Image) for block in result.content) == 8
    assert sum(len(getattr(block, "text", "")) for block in result.content) < 60_000
    assert result.structured is not None
    assert result.structured["outputs"][-1] == "470 more outputs"
    last = result.content[-1]
    assert isinstance(last, Link)
    assert last.uri == "cell://a/nb.ipynb"


async def test_a_big_notebook_is_read_in_small_pages(desk: Desk) -> None:
    desk.notebook(*big_notebook(500))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        result = await desk.ask("notebook_read", path="nb.ipynb", **cursor)
        assert len(json.dumps(result.to_json(), ensure_ascii=False).encode()) <= 10_240
        assert result.structured is not None
        seen += [cell["id"] for cell in result.structured["cells"]]
        if "next_cursor" not in result.structured:
            break
        cursor = {"cursor": result.structured["next_cursor"]}
    assert seen == [f"cell-{i}" for i in range(500)]


async def test_changes_by_anybody_are_told(desk: Desk) -> None:
    desk.notebook(code("a", "a"))
    await desk.do("notebook_read", path="nb.ipynb")
    updated = ResourceUpdated("notebook://nb.ipynb")
    await desk.do("cell_edit", path="nb.ipynb", cell_id="a", source="b")
    await until(lambda: updated in desk.events)
    await asyncio.sleep(0.15)  # so that the agent's own change is told and over
    desk.events.clear()
    assert desk.runtime.jupyter is not None
    manager = desk.runtime.jupyter.contents_manager
    model = await manager.get("nb.ipynb", type="notebook")
    await manager.save({**model, "type": "notebook"}, "nb.ipynb")
    await until(lambda: updated in desk.events)
    await manager.save({**model, "type": "notebook"}, "other.ipynb")
    await until(lambda: ResourcesChanged() in desk.events)
    desk.events.clear()
    await desk.do("notebook_create", path="a b#c.ipynb")
    assert ResourcesChanged() in desk.events
    await until(lambda: ResourceUpdated("notebook://a%20b%23c.ipynb") in desk.events)


async def test_a_notebook_that_went_is_told(desk: Desk) -> None:
    desk.notebook(code("a", "a"))
    await desk.do("notebook_list")
    assert desk.runtime.jupyter is not None
    desk.events.clear()
    await desk.runtime.jupyter.contents_manager.delete("nb.ipynb")
    if desk.runtime.jupyter.ydoc is None:
        assert (await desk.ask("notebook_read", path="nb.ipynb")).error is not None
    await until(lambda: ResourcesChanged() in desk.events)


async def test_after_the_end_nobody_listens_to_the_contents_manager(tmp_path: Path) -> None:
    async with desk_over(tmp_path, live=False) as desk:
        assert desk.runtime.jupyter is not None
        manager = desk.runtime.jupyter.contents_manager
        hooks = manager._post_save_hooks
        assert len(hooks) == 1
    assert hooks == []


async def test_notebooks_are_resources(desk: Desk) -> None:
    desk.notebook(code("a", "a"), name="a b.ipynb")
    (toolset,) = [ts for ts in desk.runtime.catalog.toolsets if ts.name == "notebooks"]
    call = Call(toolset.operations[0], {}, PERSON, "test")
    links = await toolset.resources(Context(call, desk.runtime.corridor))
    assert [link.uri for link in links] == ["notebook://a%20b.ipynb"]
    content = json.loads(await desk.read("notebook://{+path}", path="a b.ipynb"))
    assert [cell["source"] for cell in content["cells"]] == ["a"]
    assert "trusted" not in content["cells"][0]["metadata"]


async def test_whole_outputs_and_variables_are_resources(desk: Desk) -> None:
    (toolset,) = [ts for ts in desk.runtime.catalog.toolsets if ts.name == "notebooks"]
    assert isinstance(toolset, Notebooks)
    text = await toolset.outputs.save("whole ü".encode(), "text/plain")
    picture = await toolset.outputs.save(b"\x89PNG", "image/png")
    read = await desk.read("output://{id}", id=text.id)
    assert (read.data, read.mime, read.uri) == ("whole ü", "text/plain", text.uri)
    assert (await desk.read("output://{id}", id=picture.id)).data == b"\x89PNG"
    with pytest.raises(Exception, match="no output"):
        await desk.read("output://{id}", id="../workbench.db")
    with pytest.raises(Exception, match="no kernel"):
        await desk.read("kernel://{kernel_id}/variables", kernel_id="none")
    assert await desk.complete("kernel_id", "") == []
    assert await desk.complete("name", "x", kernel_id="none") == []
    assert await desk.complete("name", "x") == []


async def test_prompts_carry_what_they_are_about(desk: Desk) -> None:
    failed = code("1 / 0", "f")
    failed.outputs = [
        new_output("error", ename="ZeroDivisionError", evalue="by zero", traceback=["Trace here"])
    ]
    desk.notebook(markdown("# Title", "t"), failed)
    for name in ("explain_notebook", "tidy_notebook"):
        assert "# Title" in await desk.prompt(name, path="nb.ipynb")
    for given in ({}, {"cell_id": "f"}):
        text = await desk.prompt("fix_failing_cell", path="nb.ipynb", **given)
        assert "1 / 0" in text
        assert "Trace here" in text
    assert "1 / 0" in await desk.prompt("write_tests", path="nb.ipynb", cell_id="f")


async def test_paths_and_cells_complete(desk: Desk) -> None:
    desk.notebook(code("a", "abc"), code("b", "xyz"))
    desk.notebook(code("a", "a"), name="sub/deep.ipynb")
    assert await desk.complete("path", "") == ["nb.ipynb", "sub/"]
    assert await desk.complete("path", "sub/d") == ["sub/deep.ipynb"]
    assert await desk.complete("path", "none/") == []
    assert await desk.complete("cell_id", "x", path="nb.ipynb") == ["xyz"]
    assert await desk.complete("cell_id", "", path="none.ipynb") == []


async def test_bad_calls_are_told_in_a_line(desk: Desk) -> None:
    desk.notebook(code("a", "a"))
    for tool, arguments, code_ in (
        ("notebook_undo", {"steps": 0}, "invalid_arguments"),
        ("notebook_undo", {}, "not_found"),
        ("notebook_undo", {"steps": 101}, "invalid_arguments"),
        ("notebook_history", {"cursor": "x"}, "invalid_arguments"),
        ("notebook_read", {"cursor": "x"}, "invalid_arguments"),
        ("notebook_read", {"detail": "all"}, "invalid_arguments"),
        ("cell_read", {"cell_id": "none"}, "not_found"),
        ("cell_insert", {"source": "x", "cell_type": "sql"}, "invalid_arguments"),
    ):
        result = await desk.ask(tool, path="nb.ipynb", **arguments)
        assert result.error is not None, tool
        assert result.error.code == code_
        assert "\n" not in str(result.error)


async def test_without_a_server_the_tools_say_so(tmp_path: Path) -> None:
    runtime = Runtime(Settings(state_dir=str(tmp_path)))
    await runtime.start()
    try:
        for tool in ("notebook_list", "notebook_read"):
            result = await call(runtime, tool, path="nb.ipynb")
            assert result.error.code == "unavailable"
            assert "jupyter lab" in result.error.remedy
    finally:
        await runtime.stop()
