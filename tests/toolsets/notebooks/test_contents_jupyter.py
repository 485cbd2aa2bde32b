"""Notebooks on disk: what changed underneath is merged or refused, and never overwritten."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from nbformat import from_dict

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.contents_jupyter import ContentsDocument, ContentsStore
from jupyter_mcp.toolsets.notebooks.model import (
    Append,
    Delete,
    Extend,
    Replace,
    SetMetadata,
    SetSource,
    StaleError,
)
from support.notebooks import (
    House,
    big_notebook,
    code,
    house,
    markdown,
    on_disk,
    sources_on_disk,
    until,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:The synchronous ContentsManager:DeprecationWarning"  # still supported, so still tested
)

HTML = {"output_type": "display_data", "data": {"text/html": "<b>"}, "metadata": {}}
STREAM = {"output_type": "stream", "name": "stdout", "text": "one\n"}


@pytest.fixture(params=["async", "sync"])
async def disk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    kind: dict[str, Any] = {}
    if request.param == "sync":
        kind = {"ServerApp": {"contents_manager_class": LargeFileManager}}
    async with house(tmp_path, **kind) as opened:
        yield opened


async def test_an_edit_reaches_the_file(disk: House) -> None:
    file = disk.notebook(code("a = 1", "a"), markdown("# T", "t"))
    document = await disk.documents.open("nb.ipynb")
    await document.apply([SetSource("a", "a = 2"), SetMetadata("t", {"k": 1})])
    assert sources_on_disk(file) == ["a = 2", "# T"]
    assert on_disk(file)["cells"][1]["metadata"] == {"k": 1}
    assert [cell.source for cell in await document.cells()] == ["a = 2", "# T"]


async def test_an_edit_is_made_on_the_file_as_it_is_by_now(disk: House) -> None:
    disk.notebook(code("a = 1", "a"), code("b = 1", "b"))
    document = await disk.documents.open("nb.ipynb")
    a, _b = await document.cells()
    file = disk.notebook(code("a = 1", "a"), code("b = 'other'", "b"), code("c", "c"))
    await document.apply([SetSource("a", "a = 2")], {"a": a.revision})
    assert sources_on_disk(file) == ["a = 2", "b = 'other'", "c"]


async def test_a_touched_cell_that_changed_underneath_is_refused(disk: House) -> None:
    disk.notebook(code("a = 1", "a"))
    document = await disk.documents.open("nb.ipynb")
    (a,) = await document.cells()
    file = disk.notebook(code("a = 3", "a"))
    with pytest.raises(StaleError):
        await document.apply([Delete("a")], {"a": a.revision})
    assert sources_on_disk(file) == ["a = 3"]


async def test_a_change_between_reading_and_writing_is_not_overwritten(disk: House) -> None:
    file = disk.notebook(code("a = 1", "a"), code("b = 1", "b"))
    writes: list[int] = []

    unchanged = disk.store.unchanged

    async def late(path: str, snapshot: Any) -> bool:
        if not writes:
            disk.notebook(code("a = 1", "a"), code("b = 2", "b"))
        writes.append(1)
        return await unchanged(path, snapshot)

    disk.store.unchanged = late  # type: ignore[method-assign] # between the two, as in life
    await (await disk.documents.open("nb.ipynb")).apply([SetSource("a", "a = 2")])
    assert sources_on_disk(file) == ["a = 2", "b = 2"]
    assert len(writes) == 2


async def test_a_file_of_the_same_size_and_time_is_still_told_apart(disk: House) -> None:
    file = disk.notebook(code("a = 1", "a"))
    document = await disk.documents.open("nb.ipynb")
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    assert (await document.cells())[0].source == "a = 1"
    text = file.read_text().replace("a = 1", "a = 7")
    file.write_text(text)
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    revision = (await document.cells())[0].revision
    with pytest.raises(StaleError):
        await document.apply([SetSource("a", "lost")], {"a": revision})
    assert sources_on_disk(file) == ["a = 7"]


async def test_two_writes_within_a_tick_of_the_clock_are_both_seen(disk: House) -> None:
    now = time.time_ns()
    for value in (1, 2):
        os.utime(disk.notebook(code(f"a = {value}", "a")), ns=(now, now))
        assert await disk.sources() == [f"a = {value}"]


async def test_edits_at_the_same_time_take_turns(disk: House) -> None:
    file = disk.notebook(*(code("x", f"c{i}") for i in range(8)))
    document = await disk.documents.open("nb.ipynb")
    await asyncio.gather(*(document.apply([SetSource(f"c{i}", f"y{i}")]) for i in range(8)))
    assert sources_on_disk(file) == [f"y{i}" for i in range(8)]


async def test_outputs_are_written_at_the_end_into_the_file_as_it_is_by_then(disk: House) -> None:
    disk.notebook(code("run()", "a"), code("gone", "g"))
    document = await disk.documents.open("nb.ipynb")
    writer, lost = await document.writer("a"), await document.writer("g")
    for each in (writer, lost):
        each.begin()
        each.change(Append(STREAM))
        each.change(Extend(0, "two\n"))
        each.count(4)
        each.end()
    file = disk.notebook(code("run()", "a"), code("new", "n"))
    await document.save()
    await document.save()
    first, second = on_disk(file)["cells"]
    assert "".join(first["outputs"][0]["text"]) == "one\ntwo\n"
    assert first["execution_count"] == 4
    assert second["outputs"] == []


@pytest.mark.parametrize("trust", [True, False])
async def test_outputs_of_agents_are_signed_only_by_policy(tmp_path: Path, *, trust: bool) -> None:
    async with house(tmp_path, trust=trust) as disk:
        disk.notebook(code("run()", "a"))
        document = await disk.documents.open("nb.ipynb")
        writer = await document.writer("a")
        writer.begin()
        writer.change(Append(HTML))
        writer.end()
        await document.save()
        model = await disk.app.contents_manager.get("nb.ipynb", type="notebook")
        assert model["content"].cells[0].metadata.trusted is trust


async def test_an_edit_keeps_the_trust_that_a_person_gave(tmp_path: Path) -> None:
    async with house(tmp_path) as disk:
        cell = code("show()", "a")
        cell.outputs = [from_dict(HTML)]
        disk.notebook(cell, code("b", "b"))
        manager = disk.app.contents_manager
        await manager.trust_notebook("nb.ipynb")
        await (await disk.documents.open("nb.ipynb")).apply([SetSource("b", "c")])
        model = await manager.get("nb.ipynb", type="notebook")
        assert model["content"].cells[0].metadata.trusted


async def test_an_old_notebook_gets_ids_with_its_first_edit(disk: House) -> None:
    file = disk.notebook(code("a = 1", "x"), code("a = 1", "y"), minor=4)
    ids = [cell.id for cell in await disk.cells()]
    assert [cell.id for cell in await disk.cells()] == ids
    assert on_disk(file)["nbformat_minor"] == 4
    await (await disk.documents.open("nb.ipynb")).apply([SetSource(ids[1], "a = 2")])
    content = on_disk(file)
    assert content["nbformat_minor"] == 5
    assert [cell["id"] for cell in content["cells"]] == ids
    assert sources_on_disk(file) == ["a = 1", "a = 2"]


async def test_unknown_parts_of_a_notebook_survive(disk: House) -> None:
    file = disk.notebook(code("a", "a"), markdown("![](attachment:x.png)", "m"))
    content = on_disk(file)
    content["metadata"] = {"kernelspec": {"name": "ir", "display_name": "R"}, "mine": {"deep": [1]}}
    content["cells"][1]["attachments"] = {"x.png": {"image/png": "AAAA"}}
    file.write_text(json.dumps(content))
    await (await disk.documents.open("nb.ipynb")).apply([SetSource("a", "b")])
    after = on_disk(file)
    assert after["metadata"] == content["metadata"]
    assert after["cells"][1] == content["cells"][1] | {"source": after["cells"][1]["source"]}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("missing.ipynb", "not_found"),
        ("broken.ipynb", "invalid_notebook"),
        ("folder.ipynb", "invalid_arguments"),
    ],
)
async def test_what_is_no_notebook_is_told_in_a_line(disk: House, path: str, code: str) -> None:
    (disk.root / "broken.ipynb").write_text("{")
    (disk.root / "folder.ipynb").mkdir()
    with pytest.raises(ToolError) as error:
        await (await disk.documents.open(path)).cells()
    assert error.value.code == code
    assert error.value.remedy
    assert str(disk.root) not in str(error.value)


async def test_a_big_notebook_is_read_once(disk: House) -> None:
    file = disk.notebook(*big_notebook(50))
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    store = ContentsStore(disk.app.contents_manager)
    document = ContentsDocument("nb.ipynb", store)
    assert (await document.cells())[0] is (await document.cells())[0]


async def test_a_notebook_can_be_read_while_it_is_written(disk: House) -> None:
    disk.notebook(*big_notebook(100))
    document = await disk.documents.open("nb.ipynb")

    async def write() -> None:
        for number in range(20):
            await document.apply([SetSource("cell-1", f"a = {number}")])

    async def read() -> None:
        for _ in range(60):
            assert len(await document.cells()) == 100
            await asyncio.sleep(0.002)

    await asyncio.gather(write(), read())


async def test_a_file_in_the_middle_of_being_written_is_read_again(disk: House) -> None:
    file = disk.notebook(code("a = 1", "a"))
    whole = file.read_text()
    file.write_text(whole[:40])
    document = await disk.documents.open("nb.ipynb")
    asyncio.get_running_loop().call_later(0.01, file.write_text, whole)
    assert [cell.source for cell in await document.cells()] == ["a = 1"]


async def test_a_display_that_changes_after_its_run_is_saved(disk: House) -> None:
    file = disk.notebook(code("a", "a"))
    document = await disk.documents.open("nb.ipynb")
    writer = await document.writer("a")
    writer.begin()
    writer.change(Append(HTML))
    writer.count(3)
    writer.end()
    await document.save()
    writer.change(Replace(0, {**HTML, "data": {"text/html": "<i>"}}))
    await until(lambda: "<i>" in file.read_text())


async def test_a_late_change_leaves_the_outputs_of_a_newer_run_alone(disk: House) -> None:
    file = disk.notebook(code("a", "a"))
    document = await disk.documents.open("nb.ipynb")
    writer = await document.writer("a")
    writer.begin()
    writer.change(Append(HTML))
    writer.count(3)
    writer.end()
    await document.save()
    newer = code("a", "a")
    newer.execution_count, newer.outputs = 4, [from_dict(STREAM)]
    disk.notebook(newer)
    writer.change(Replace(0, {**HTML, "data": {"text/html": "<i>"}}))
    await document.save()
    assert on_disk(file)["cells"][0]["outputs"][0]["output_type"] == "stream"


async def test_what_changed_late_is_saved_at_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as opened:
        file = opened.notebook(code("a", "a"))
        document = await opened.documents.open("nb.ipynb")
        writer = await document.writer("a")
        writer.begin()
        writer.end()
        await document.save()
        writer.change(Append(HTML))
    assert "<b>" in file.read_text()


async def test_a_missing_notebook_is_not_opened(disk: House) -> None:
    with pytest.raises(ToolError, match="no notebook"):
        await disk.documents.open("none.ipynb")
