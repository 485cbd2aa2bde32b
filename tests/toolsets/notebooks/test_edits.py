"""Edits by agents, on disk and in live documents: guarded by what was seen, and logged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import notebook_revision
from jupyter_mcp.toolsets.notebooks.wishes import Wish
from support.notebooks import AGENT, OTHER, House, code, house, markdown, until

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(params=["disk", "live"])
async def home(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with house(tmp_path, live=request.param == "live") as opened:
        yield opened


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, live=True) as opened:
        yield opened


async def refusal(call: Any) -> ToolError:
    with pytest.raises(ToolError) as error:
        await call
    assert error.value.remedy
    return error.value


async def test_cells_are_inserted_edited_moved_and_deleted(home: House) -> None:
    home.notebook(code("a = 1", "a"), code("b = 2", "b"))
    edit = home.editor
    last = await edit.insert("nb.ipynb", "last", AGENT)
    await edit.insert("nb.ipynb", "# T", AGENT, cell_type="markdown", before="a")
    await edit.insert("nb.ipynb", "mid\r\nline", AGENT, after="a")
    assert await home.sources() == ["# T", "a = 1", "mid\nline", "b = 2", "last"]
    await edit.edit("nb.ipynb", "a", Wish(source="a = 10"), AGENT)
    await edit.edit("nb.ipynb", "b", Wish(old="2", new="20"), AGENT)
    await edit.move("nb.ipynb", "b", AGENT, before="a")
    await edit.move("nb.ipynb", last.cell.id, AGENT, after="b")
    assert await home.sources() == ["# T", "b = 20", "last", "a = 10", "mid\nline"]
    await edit.delete("nb.ipynb", "a", AGENT)
    assert await home.sources() == ["# T", "b = 20", "last", "mid\nline"]


async def test_type_and_metadata_change_without_touching_the_rest(home: House) -> None:
    home.notebook(code("# words", "a", keep=1, drop=2))
    wish = Wish(cell_type="markdown", metadata={"drop": None, "new": {"x": 1}})
    await home.editor.edit("nb.ipynb", "a", wish, AGENT)
    (cell,) = await home.cells()
    assert cell.cell_type == "markdown"
    assert dict(cell.metadata) == {"keep": 1, "new": {"x": 1}}
    assert cell.source == "# words"


async def test_what_is_so_already_is_no_change(home: House) -> None:
    home.notebook(code("a = 1", "a"))
    edited = await home.editor.edit("nb.ipynb", "a", Wish(source="a = 1"), AGENT)
    assert edited.change is None
    assert await home.log.page("nb.ipynb", None, 10) == []


@pytest.mark.parametrize(
    ("old", "matches"), [("nothing", 0), ("x", 3), ("aa", 2)], ids=["none", "many", "overlapping"]
)
async def test_a_replacement_must_match_exactly_once(home: House, old: str, matches: int) -> None:
    home.notebook(code("x x x aaa", "a"))
    error = await refusal(home.editor.edit("nb.ipynb", "a", Wish(old=old, new="y"), AGENT))
    assert error.code == "no_match"
    assert error.data["matches"] == matches
    assert await home.sources() == ["x x x aaa"]


async def test_a_stale_revision_is_refused_with_what_changed(home: House) -> None:
    home.notebook(code("a = 1\nb = 2", "a"))
    (read,) = await home.see()
    await home.editor.edit("nb.ipynb", "a", Wish(old="1", new="11"), OTHER)
    for call in (
        home.editor.edit("nb.ipynb", "a", Wish(source="lost"), AGENT, read.revision),
        home.editor.edit("nb.ipynb", "a", Wish(old="2", new="3"), AGENT, read.revision),
        home.editor.delete("nb.ipynb", "a", AGENT, read.revision),
    ):
        error = await refusal(call)
        assert error.code == "conflict"
        assert error.data["revision"] == (await home.cells())[0].revision
        assert "-a = 1\n+a = 11" in error.data["diff"]
    new = error.data["revision"]
    await home.editor.edit("nb.ipynb", "a", Wish(source="mine"), AGENT, new)
    assert await home.sources() == ["mine"]


async def test_what_changed_since_it_was_read_is_not_overwritten(home: House) -> None:
    home.notebook(code("a = 1", "a"))
    await home.see(who=AGENT)
    await home.editor.edit("nb.ipynb", "a", Wish(source="a = 2"), OTHER)
    error = await refusal(home.editor.edit("nb.ipynb", "a", Wish(source="a = 3"), AGENT))
    assert error.code == "conflict"
    assert (await refusal(home.editor.delete("nb.ipynb", "a", AGENT))).code == "conflict"
    await home.editor.edit("nb.ipynb", "a", Wish(old="2", new="22"), AGENT)  # merges
    await home.editor.edit("nb.ipynb", "a", Wish(source="a = 4"), AGENT)
    assert await home.sources() == ["a = 4"]


async def test_the_notebooks_revision_counts_and_other_cells_do_not_disturb(home: House) -> None:
    home.notebook(code("a = 1", "a"), code("b = 1", "b"))
    cells = await home.see()
    whole = notebook_revision(cells)
    await home.editor.edit("nb.ipynb", "b", Wish(source="b = 2"), OTHER)
    await home.editor.edit("nb.ipynb", "a", Wish(source="a = 2"), AGENT, cells[0].revision)
    error = await refusal(home.editor.edit("nb.ipynb", "a", Wish(source="x"), AGENT, whole))
    assert error.code == "conflict"
    now = notebook_revision(await home.cells())
    await home.editor.edit("nb.ipynb", "a", Wish(source="a = 3"), AGENT, now)
    assert await home.sources() == ["a = 3", "b = 2"]


async def test_a_position_names_a_cell_only_with_a_revision(home: House) -> None:
    home.notebook(code("s", "s", tags=["private"]), code("a = 1", "a"), code("b = 1", "b"))
    a, b = (cell for cell in await home.cells() if not cell.private)
    edit = home.editor
    error = await refusal(edit.edit("nb.ipynb", "0", Wish(source="x"), AGENT))
    assert error.code == "invalid_arguments"
    await edit.edit("nb.ipynb", "1", Wish(source="b = 2"), AGENT, b.revision)
    error = await refusal(edit.edit("nb.ipynb", "1", Wish(source="x"), AGENT, a.revision))
    assert error.code == "conflict"
    error = await refusal(edit.edit("nb.ipynb", "9", Wish(source="x"), AGENT, a.revision))
    assert error.code == "not_found"
    assert await home.sources() == ["s", "a = 1", "b = 2"]


async def test_private_cells_are_not_there(home: House) -> None:
    secret = code("token = 1", "s", tags=["private"])
    home.notebook(code("a", "a"), secret, code("b", "b"))
    edit = home.editor
    for call in (
        edit.edit("nb.ipynb", "s", Wish(source="x"), AGENT),
        edit.delete("nb.ipynb", "s", AGENT),
        edit.move("nb.ipynb", "s", AGENT, before="a"),
        edit.move("nb.ipynb", "a", AGENT, after="s"),
        edit.insert("nb.ipynb", "x", AGENT, after="s"),
    ):
        error = await refusal(call)
        assert error.code == "not_found"
        assert "token" not in str(error)
    await edit.insert("nb.ipynb", "new", AGENT, before="b")
    assert await home.sources() == ["a", "token = 1", "new", "b"]


@pytest.mark.parametrize(
    "wish",
    [
        Wish(),
        Wish(source="x", old="a", new="b"),
        Wish(old="a"),
        Wish(new="a"),
        Wish(old="", new="x"),
        Wish(source="\ud800"),
    ],
)
async def test_wishes_that_make_no_sense_are_refused(home: House, wish: Wish) -> None:
    home.notebook(code("a", "a"))
    assert (await refusal(home.editor.edit("nb.ipynb", "a", wish, AGENT))).code == (
        "invalid_arguments"
    )


@pytest.mark.parametrize("metadata", [{"trusted": True}, {"tags": ["private"]}])
async def test_trust_and_privacy_are_not_for_agents(home: House, metadata: dict[str, Any]) -> None:
    home.notebook(markdown("a", "a"))
    error = await refusal(home.editor.edit("nb.ipynb", "a", Wish(metadata=metadata), AGENT))
    assert error.code == "forbidden"


async def test_where_a_cell_goes_must_be_said_once(home: House) -> None:
    home.notebook(code("a", "a"), code("b", "b"))
    edit = home.editor
    for call in (
        edit.move("nb.ipynb", "a", AGENT),
        edit.move("nb.ipynb", "a", AGENT, after="a"),
        edit.move("nb.ipynb", "a", AGENT, after="b", before="b"),
        edit.insert("nb.ipynb", "x", AGENT, after="b", before="b"),
    ):
        assert (await refusal(call)).code == "invalid_arguments"
    assert (await edit.move("nb.ipynb", "a", AGENT, before="b")).change is None


async def test_agents_that_edit_at_once_lose_nothing(home: House) -> None:
    home.notebook(*(code("x = 0", f"c{i}") for i in range(6)))
    await asyncio.gather(
        *(
            home.editor.edit("nb.ipynb", f"c{i}", Wish(source=f"x = {i + 1}"), AGENT)
            for i in range(6)
        ),
        *(home.editor.insert("nb.ipynb", f"new {i}", OTHER) for i in range(6)),
    )
    sources = await home.sources()
    assert sources[:6] == [f"x = {i + 1}" for i in range(6)]
    assert sorted(sources[6:]) == [f"new {i}" for i in range(6)]
    assert len(await home.log.page("nb.ipynb", None, 50)) == 12


async def test_a_person_who_types_is_not_overwritten(live: House) -> None:
    live.notebook(code("total = 1", "a"))
    async with live.person() as person:
        person.type("a", "# thinking\n")
        await live_has(live, "# thinking\ntotal = 1")
        error = await refusal(live.editor.edit("nb.ipynb", "a", Wish(source="total = 2"), AGENT))
        assert error.code == "conflict"
        assert "typing" in error.message
        assert error.data["source"].startswith("# thinking")
        assert (await refusal(live.editor.delete("nb.ipynb", "a", AGENT))).code == "conflict"
        await live.editor.edit("nb.ipynb", "a", Wish(old="= 1", new="= 2"), AGENT)
        await until(lambda: person.sources == ["# thinking\ntotal = 2"])
        revision = error.data["revision"]
        error = await refusal(live.editor.edit("nb.ipynb", "a", Wish(source="x"), AGENT, revision))
        now = error.data["revision"]
        await live.editor.edit("nb.ipynb", "a", Wish(source="done"), AGENT, now)
        await until(lambda: person.sources == ["done"])


async def live_has(live: House, source: str) -> None:
    async def have() -> bool:
        return (await live.sources())[0] == source

    for _ in range(200):
        if await have():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(await live.sources())


async def test_a_person_and_an_agent_in_different_cells_do_not_meet(live: House) -> None:
    live.notebook(code("a = 1", "a"), code("b = 1", "b"))
    async with live.person() as person:
        for i in range(10):
            person.type("a", f"{i}")
            await live.editor.edit("nb.ipynb", "b", Wish(source=f"b = {i}"), AGENT)
        await until(lambda: person.sources == ["9876543210a = 1", "b = 9"])


async def test_an_id_of_digits_that_is_gone_is_no_position(home: House) -> None:
    home.notebook(code("a = 1", "12345678"), code("b = 2", "b"))
    await home.see()
    await home.editor.delete("nb.ipynb", "12345678", AGENT)
    error = await refusal(home.editor.delete("nb.ipynb", "12345678", AGENT))
    assert (error.code, "no cell '12345678'" in str(error)) == ("not_found", True)


async def test_two_programs_of_one_person_do_not_overwrite_each_other(home: House) -> None:
    home.notebook(code("a = 1", "a"))
    second = replace(AGENT, client="another program")
    await home.see()
    await home.see(who=second)
    await home.editor.edit("nb.ipynb", "a", Wish(source="a = 2"), second)
    error = await refusal(home.editor.edit("nb.ipynb", "a", Wish(source="a = 3"), AGENT))
    assert error.code == "conflict"
    assert await home.sources() == ["a = 2"]
