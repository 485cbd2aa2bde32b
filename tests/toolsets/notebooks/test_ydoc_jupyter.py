"""The live document: whoever has it open sees each edit, and is never overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
from jupyter_mcp.toolsets.notebooks.wishes import Wish
from support.notebooks import (
    AGENT,
    House,
    code,
    house,
    markdown,
    on_disk,
    sources_on_disk,
    until,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

STREAM = {"output_type": "stream", "name": "stdout", "text": "one\n"}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, live=True) as opened:
        yield opened


async def test_a_person_sees_an_edit_at_once_and_it_reaches_the_disk(live: House) -> None:
    file = live.notebook(code("a = 1", "a"), code("b = 2", "b"))
    async with live.person() as person:
        document = await live.documents.open("nb.ipynb")
        await document.apply([SetSource("a", "a = 10")])
        await until(lambda: person.sources == ["a = 10", "b = 2"])
        await document.save()
    assert sources_on_disk(file) == ["a = 10", "b = 2"]


async def test_all_kinds_of_edits_arrive_in_one_step(live: House) -> None:
    live.notebook(markdown("# T", "t"), code("a = 1", "a"), code("b = 2", "b"), code("c", "c"))
    async with live.person() as person:
        updates: list[bytes] = []
        person.doc.observe(lambda event: updates.append(event.update))
        await (await live.documents.open("nb.ipynb")).apply(
            [
                Insert(1, Cell("new", "code", "import os")),
                SetMetadata("a", {"tags": ["x"]}),
                SetType("b", "markdown"),
                Move("t", 4),
                Delete("c"),
            ]
        )
        await until(lambda: person.sources == ["import os", "a = 1", "b = 2", "# T"])
        assert len(updates) == 1
        assert person.cell("a")["metadata"].to_py()["tags"] == ["x"]
        assert person.cell("b")["cell_type"] == "markdown"


async def test_two_people_in_one_cell_keep_both_changes(live: House) -> None:
    live.notebook(code("first = 1\nsecond = 2\nthird = 3", "a"))
    async with live.person() as person:
        document = await live.documents.open("nb.ipynb")
        person.type("a", "# mine\n")  # on its way while the agent edits the last line
        await document.apply([SetSource("a", "first = 1\nsecond = 2\nthird = 33")])
        both = "# mine\nfirst = 1\nsecond = 2\nthird = 33"
        await until(lambda: person.sources == [both])
        await until(lambda: live_sources(live) == [both])


def live_sources(live: House) -> list[str]:
    notebook = next(iter(live.ydoc.ywebsocket_server.rooms.values()))._document
    return [str(cell["source"]) for cell in notebook.ycells]


async def test_an_edit_made_from_an_old_reading_is_stale(live: House) -> None:
    live.notebook(code("a = 1", "a"))
    async with live.person() as person:
        document = await live.documents.open("nb.ipynb")
        (read,) = await document.cells()
        person.type("a", "# ")
        await until(lambda: live_sources(live) == ["# a = 1"])
        with pytest.raises(StaleError):
            await document.apply([SetSource("a", "x")], {"a": read.revision})
        assert document.idle_seconds("a") < 5
        assert await live.sources() == ["# a = 1"]


async def test_our_own_edits_do_not_count_as_a_persons(live: House) -> None:
    live.notebook(code("a = 1", "a"))
    document = await live.documents.open("nb.ipynb")
    await document.apply([SetSource("a", "a = 2")])
    assert document.idle_seconds("a") == float("inf")


async def test_nothing_is_done_when_one_edit_of_several_cannot_be(live: House) -> None:
    live.notebook(code("a = 1", "a"))
    document = await live.documents.open("nb.ipynb")
    with pytest.raises(ToolError, match="no cell 'gone'"):
        await document.apply([SetSource("a", "changed"), Delete("gone")])
    assert await live.sources() == ["a = 1"]


async def test_outputs_grow_in_place_under_the_persons_eyes(live: House) -> None:
    file = live.notebook(code("run()", "a"))
    async with live.person() as person:
        document = await live.documents.open("nb.ipynb")
        writer = await document.writer("a")
        writer.begin()
        await until(lambda: person.cell("a")["execution_state"] == "running")
        writer.change(Append(STREAM))
        writer.change(Extend(0, "twö\n"))
        writer.change(Append({"output_type": "display_data", "data": {}, "metadata": {}}))
        writer.change(Replace(1, {**STREAM, "name": "stderr"}))
        writer.change(Extend(1, "two\n"))
        writer.change(Extend(9, "nowhere"))
        writer.count(7)
        writer.end()
        await until(lambda: person.cell("a")["execution_state"] == "idle")
        outputs = person.cell("a")["outputs"].to_py()
        assert [output["text"] for output in outputs] == ["one\ntwö\n", "one\ntwo\n"]
        await document.save()
    (cell,) = on_disk(file)["cells"]
    assert cell["execution_count"] == 7
    assert "".join(cell["outputs"][0]["text"]) == "one\ntwö\n"
    (read,) = await document.cells()
    assert read.execution_count == 7
    assert isinstance(read.execution_count, int)


async def test_outputs_follow_a_cell_that_moves_and_end_with_one_that_goes(live: House) -> None:
    live.notebook(code("run()", "a"), code("b", "b"))
    document = await live.documents.open("nb.ipynb")
    writer = await document.writer("a")
    writer.begin()
    writer.change(Append(STREAM))
    await document.apply([Move("a", 1)])
    writer.change(Extend(0, "two\n"))
    cell = next(cell for cell in await document.cells() if cell.id == "a")
    assert cell.outputs[0]["text"] == "one\ntwo\n"
    await document.apply([Delete("a")])
    writer.change(Extend(0, "three\n"))
    writer.change(Clear())
    writer.count(1)
    writer.end()
    assert [cell.id for cell in await document.cells()] == ["b"]


async def test_a_second_run_starts_without_outputs(live: House) -> None:
    live.notebook(code("run()", "a"))
    document = await live.documents.open("nb.ipynb")
    for _ in range(2):
        writer = await document.writer("a")
        writer.begin()
        writer.change(Append(STREAM))
        writer.end()
    (cell,) = await document.cells()
    assert len(cell.outputs) == 1


@pytest.mark.parametrize("trust", [True, False])
async def test_outputs_of_agents_are_signed_only_by_policy(tmp_path: Path, *, trust: bool) -> None:
    async with house(tmp_path, live=True, trust=trust) as live:
        live.notebook(code("run()", "a"))
        document = await live.documents.open("nb.ipynb")
        writer = await document.writer("a")
        writer.begin()
        writer.change(
            Append({"output_type": "display_data", "data": {"text/html": "<b>"}, "metadata": {}})
        )
        writer.end()
        await document.save()
        model = await live.app.contents_manager.get("nb.ipynb", type="notebook")
        assert model["content"].cells[0].metadata.trusted is trust


async def test_cells_of_an_old_notebook_have_ids_that_stay(live: House) -> None:
    file = live.notebook(code("a = 1", "x"), code("a = 1", "y"), minor=4)
    before = [cell.id for cell in await live.cells()]
    assert len(set(before)) == 2
    assert [cell.id for cell in await live.cells()] == before
    document = await live.documents.open("nb.ipynb")
    await document.apply([SetSource(before[1], "a = 2")])
    await document.save()
    content = on_disk(file)
    assert content["nbformat_minor"] == 5
    assert [cell["id"] for cell in content["cells"]] == before
    assert sources_on_disk(file) == ["a = 1", "a = 2"]


async def test_a_room_that_nobody_uses_is_left_and_taken_down(tmp_path: Path) -> None:
    async with house(tmp_path, live=True, YDocExtension={"document_cleanup_delay": 0.2}) as live:
        file = live.notebook(code("a = 1", "a"))
        document = await live.documents.open("nb.ipynb")
        await document.apply([SetSource("a", "a = 2")])
        rooms = live.ydoc.ywebsocket_server.rooms
        assert len(rooms) == 1
        await until(lambda: not rooms)
        assert sources_on_disk(file) == ["a = 2"]
        assert await live.sources() == ["a = 2"]


async def test_a_room_stays_while_a_cell_runs_or_a_person_is_in_it(tmp_path: Path) -> None:
    async with house(tmp_path, live=True, YDocExtension={"document_cleanup_delay": 0.1}) as live:
        live.notebook(code("a = 1", "a"))
        document = await live.documents.open("nb.ipynb")
        writer = await document.writer("a")
        writer.begin()
        rooms = live.ydoc.ywebsocket_server.rooms
        async with live.person():
            pass
        (room,) = rooms.values()
        assert room.clients, "the extension takes a room down when the last one leaves"
        await asyncio.sleep(0.4)  # longer than the delay: nothing may happen
        assert rooms
        async with live.person() as person:
            writer.end()
            await asyncio.sleep(0.4)
            assert rooms
            assert person.sources == ["a = 1"]


async def test_a_change_of_the_file_underneath_arrives(live: House) -> None:
    live.notebook(code("a = 1", "a"))
    assert await live.sources() == ["a = 1"]
    live.notebook(code("a = 99", "a"))
    room = next(iter(live.ydoc.ywebsocket_server.rooms.values()))
    await room._file.maybe_notify()
    assert await live.sources() == ["a = 99"]


async def test_somebody_is_told_of_each_change(live: House) -> None:
    live.notebook(code("a = 1", "a"))
    async with live.person() as person:
        live.changed.clear()
        person.type("a", "# ")
        await until(lambda: live.changed == ["nb.ipynb"])


@pytest.mark.parametrize(
    ("path", "code"),
    [("missing.ipynb", "not_found"), ("broken.ipynb", "invalid_notebook"), ("d.ipynb", "invalid")],
)
async def test_what_is_no_notebook_is_refused(live: House, path: str, code: str) -> None:
    (live.root / "broken.ipynb").write_text("{")
    (live.root / "d.ipynb").mkdir()
    with pytest.raises(ToolError) as error:
        await live.documents.open(path)
    assert error.value.code.startswith(code)
    assert str(live.root) not in str(error.value)
    assert not live.ydoc.ywebsocket_server.rooms


async def test_a_save_is_on_disk_although_others_edit_meanwhile(live: House) -> None:
    file = live.notebook(code("a = 0", "a"), code("b = 0", "b"))
    document = await live.documents.open("nb.ipynb")

    async def edit() -> None:
        for number in range(200):
            await document.apply([SetSource("b", f"b = {number}")])
            await asyncio.sleep(0.001)

    editing = asyncio.ensure_future(edit())
    for number in range(1, 6):
        await document.apply([SetSource("a", f"a = {number}")])
        await document.save()
        assert sources_on_disk(file)[0] == f"a = {number}"
    await editing


async def test_an_edit_right_after_the_file_changed_is_made_on_the_new_content(
    live: House,
) -> None:
    file = live.notebook(code("a = 1", "a"), code("b = 1", "b"))
    await live.see()
    file = live.notebook(code("a = 1", "a"), code("b = 'other'", "b"), code("c", "c"))
    await live.editor.edit("nb.ipynb", "a", Wish(source="a = 2"), AGENT)
    assert await live.sources() == ["a = 2", "b = 'other'", "c"]
    with pytest.raises(ToolError, match="changed since you read it"):
        await live.editor.edit("nb.ipynb", "b", Wish(source="b = 2"), AGENT)
    await until(lambda: sources_on_disk(file) == ["a = 2", "b = 'other'", "c"])


async def test_a_save_that_cannot_be_is_told(live: House) -> None:
    file = live.notebook(code("a = 1", "a"))
    document = await live.documents.open("nb.ipynb")
    await document.apply([SetSource("a", "a = 2")])
    live.notebook(code("a = 'other'", "a"))
    with pytest.raises(ToolError, match="changed 'nb.ipynb' on disk"):
        await document.save()
    assert await live.sources() == ["a = 'other'"]
    file.unlink()
    with pytest.raises(ToolError, match="no notebook"):
        await document.save()
    assert not file.exists()
