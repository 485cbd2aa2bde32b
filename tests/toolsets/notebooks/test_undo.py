"""Undo: what agents did is taken back where nobody changed it since, and told in the log."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_output

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.model import Cell, SetMetadata, SetSource
from jupyter_mcp.toolsets.notebooks.wishes import Wish
from support.notebooks import AGENT, OTHER, House, code, house, markdown, on_disk

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(params=["disk", "live"])
async def home(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with house(tmp_path, live=request.param == "live") as opened:
        yield opened


def three() -> list[Any]:
    cell = code("a = 1\nprint(a)", "a", mine=1)
    cell.outputs = [new_output("stream", text="1\n")]
    cell.execution_count = 3
    return [cell, markdown("# B", "b"), code("c = 3", "c")]


async def test_each_kind_of_edit_is_taken_back(home: House) -> None:
    home.notebook(*three())
    before = await home.cells()
    edit = home.editor
    await edit.insert("nb.ipynb", "new", AGENT, after="a")
    await edit.edit("nb.ipynb", "a", Wish(source="z", metadata={"mine": 2, "k": 1}), AGENT)
    await edit.edit("nb.ipynb", "a", Wish(cell_type="markdown"), AGENT)
    await edit.move("nb.ipynb", "c", AGENT, before="a")
    await edit.delete("nb.ipynb", "b", AGENT)
    undone = await home.undoer.undo("nb.ipynb", 5, AGENT)
    assert [change.action for change in undone.changes] == [
        "delete",
        "move",
        "edit",
        "edit",
        "insert",
    ]
    assert plain(await home.cells()) == plain(before)


def plain(cells: list[Cell]) -> list[Any]:
    return [
        (cell.id, cell.cell_type, cell.source, {**cell.metadata, "trusted": None}, cell.outputs)
        for cell in cells
    ]


async def test_a_deleted_cell_comes_back_with_its_outputs(home: House) -> None:
    file = home.notebook(*three())
    await home.editor.delete("nb.ipynb", "a", AGENT)
    await home.undoer.undo("nb.ipynb", 1, OTHER)
    await (await home.documents.open("nb.ipynb")).save()
    cell = on_disk(file)["cells"][0]
    assert cell["id"] == "a"
    assert "".join(cell["outputs"][0]["text"]) == "1\n"
    assert cell["execution_count"] == 3


async def test_an_undo_is_logged_and_can_be_taken_back(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "c", Wish(source="c = 4"), AGENT)
    await home.editor.edit("nb.ipynb", "c", Wish(source="c = 5"), AGENT)
    for steps, expected in ((1, 4), (1, 3), (-1, 4), (-1, 5), (2, 3), (-2, 5)):
        await home.undoer.undo("nb.ipynb", steps, AGENT)
        assert (await home.sources())[2] == f"c = {expected}"
    log = await home.log.page("nb.ipynb", None, 50)
    actions = [change.action for change in reversed(log)]
    assert actions == ["edit"] * 2 + ["undo"] * 2 + ["redo"] * 2 + ["undo"] * 2 + ["redo"] * 2
    with pytest.raises(ToolError, match="nothing to redo"):
        await home.undoer.undo("nb.ipynb", -1, AGENT)


async def test_a_persons_later_change_is_kept(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "c", Wish(source="c = 4\nd = 1"), AGENT)
    document = await home.documents.open("nb.ipynb")
    await document.apply([SetSource("c", "c = 4\nd = 2")])
    with pytest.raises(ToolError) as error:
        await home.undoer.undo("nb.ipynb", 1, AGENT)
    assert error.value.code == "conflict"
    assert "-d = 1\n+d = 2" in error.value.data["diff"]
    assert (await home.sources())[2] == "c = 4\nd = 2"


async def test_what_cannot_be_taken_back_stops_the_rest(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "c", Wish(source="c = 4"), AGENT)
    await home.editor.edit("nb.ipynb", "b", Wish(source="# BB"), AGENT)
    document = await home.documents.open("nb.ipynb")
    await document.apply([SetSource("c", "mine")])
    undone = await home.undoer.undo("nb.ipynb", 5, AGENT)
    assert [change.cell_id for change in undone.changes] == ["b"]
    assert undone.stopped is not None
    assert undone.stopped.code == "conflict"
    assert (await home.sources())[1:] == ["# B", "mine"]


async def test_metadata_that_a_person_set_since_stay(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "c", Wish(metadata={"k": 1}), AGENT)
    document = await home.documents.open("nb.ipynb")
    await document.apply([SetMetadata("c", {"k": 1, "hers": 2})])
    await home.undoer.undo("nb.ipynb", 1, AGENT)
    assert (await home.cells())[2].metadata.get("hers") == 2
    assert "k" not in (await home.cells())[2].metadata


@pytest.mark.parametrize("deleted", [True, False])
async def test_a_cell_that_went_or_came_back_since_is_a_conflict(
    home: House, *, deleted: bool
) -> None:
    home.notebook(*three())
    if deleted:
        await home.editor.edit("nb.ipynb", "c", Wish(source="x"), AGENT)
        home.notebook(*three()[:2])
    else:
        await home.editor.delete("nb.ipynb", "c", AGENT)
        home.notebook(*three())
    if home.live:
        room = next(iter(home.ydoc.ywebsocket_server.rooms.values()))
        await room._on_outofband_change()
    with pytest.raises(ToolError) as error:
        await home.undoer.undo("nb.ipynb", 1, AGENT)
    assert error.value.code == "conflict"


async def test_changes_of_a_cell_that_became_private_are_gone(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "b", Wish(source="# BB"), AGENT)
    await home.editor.edit("nb.ipynb", "c", Wish(source="c = 4"), AGENT)
    document = await home.documents.open("nb.ipynb")
    await document.apply([SetMetadata("c", {"tags": ["private"]})])
    undone = await home.undoer.undo("nb.ipynb", 5, AGENT)
    assert [change.cell_id for change in undone.changes] == ["b"]
    assert (await home.sources())[2] == "c = 4"


async def test_edits_made_at_once_are_logged_in_their_order(home: House) -> None:
    home.notebook(code("a b c d e f", "x"))
    wishes = [Wish(old=letter, new=letter.upper()) for letter in "abcdef"]
    await asyncio.gather(*(home.editor.edit("nb.ipynb", "x", wish, AGENT) for wish in wishes))
    assert await home.sources() == ["A B C D E F"]
    await home.undoer.undo("nb.ipynb", 6, AGENT)
    assert await home.sources() == ["a b c d e f"]


async def test_nothing_to_undo_is_said(home: House) -> None:
    home.notebook(*three())
    with pytest.raises(ToolError, match="nothing to undo"):
        await home.undoer.undo("nb.ipynb", 1, AGENT)


async def test_the_log_tells_who_when_and_what(home: House) -> None:
    home.notebook(*three())
    await home.editor.edit("nb.ipynb", "c", Wish(old="3", new="4"), AGENT)
    await home.editor.move("nb.ipynb", "c", OTHER, before="a")
    moved, edited = await home.log.page("nb.ipynb", None, 10)
    assert (edited.principal, edited.client, edited.action) == ("agent", "pytest", "edit")
    assert edited.diff() == "@@ -1 +1 @@\n-c = 3\n+c = 4"
    assert moved.principal == "other"
    assert moved.diff() == "moved from 2 to 0"
    assert moved.at >= edited.at > 1_700_000_000
    assert [change.id for change in await home.log.page("nb.ipynb", moved.id, 10)] == [edited.id]


STEP = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, 9), st.text(max_size=8)),
    st.tuples(st.just("edit"), st.integers(0, 9), st.text(max_size=8)),
    st.tuples(st.just("type"), st.integers(0, 9), st.sampled_from(["code", "markdown", "raw"])),
    st.tuples(st.just("metadata"), st.integers(0, 9), st.sampled_from([1, 2, None])),
    st.tuples(st.just("delete"), st.integers(0, 9), st.none()),
    st.tuples(st.just("move"), st.integers(0, 9), st.integers(0, 9)),
)


async def play(home: House, step: tuple[str, int, Any]) -> int:
    """Do one edit of a random script and return how many changes it made."""
    kind, at, value = step
    ids = [cell.id for cell in await home.cells()]
    edit = home.editor
    cell = ids[at % len(ids)]
    match kind:
        case "insert":
            done = await edit.insert("nb.ipynb", value, AGENT, before=cell)
        case "edit":
            done = await edit.edit("nb.ipynb", cell, Wish(source=value), AGENT)
        case "type":
            done = await edit.edit("nb.ipynb", cell, Wish(cell_type=value), AGENT)
        case "metadata":
            done = await edit.edit("nb.ipynb", cell, Wish(metadata={"k": value}), AGENT)
        case "delete" if len(ids) > 1:
            done = await edit.delete("nb.ipynb", cell, AGENT)
        case "move" if cell != ids[value % len(ids)]:
            done = await edit.move("nb.ipynb", cell, AGENT, after=ids[value % len(ids)])
        case _:
            return 0
    return int(done.change is not None)


@given(script=st.lists(STEP, max_size=8), live=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
async def test_undoing_a_whole_script_gives_the_original_and_redoing_it_the_end(
    script: list[Any], live: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with house(Path(folder), live=live) as home:
            home.notebook(*three())
            before = plain(await home.cells())
            made = sum([await play(home, step) for step in script])
            after = plain(await home.cells())
            if made:
                await home.undoer.undo("nb.ipynb", made, AGENT)
                assert plain(await home.cells()) == before
                await home.undoer.undo("nb.ipynb", -made, AGENT)
                assert [cell[:3] for cell in plain(await home.cells())] == [c[:3] for c in after]
