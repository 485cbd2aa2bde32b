"""The change log in each kind of database."""

from __future__ import annotations

from pathlib import Path

from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.notebooks.cells import read_cell
from jupyter_mcp.toolsets.notebooks.history import EDITS, Change, ChangeLog, Place, Who

ANN = Who("user:ann", "ann" * 100, "client", "call")


def place(source: str) -> Place:
    raw = {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
    return Place.of([read_cell(raw, "cell")], 0)


async def test_changes_are_found_again_and_taken_back(tmp_path: Path, database_url: str) -> None:
    storage = Storage(tmp_path, database_url)
    log = ChangeLog(storage)
    first = await log.add("ä.ipynb", Change("insert", "cell", None, place("a = 'ü\0'")), ANN)
    edit = Change("edit", "cell", place("a"), place("b"))
    second = await log.add("ä.ipynb", edit, ANN)
    found = await log.page("ä.ipynb", None, 10)
    assert [each.id for each in found] == [second, first]
    assert found[1].after is not None
    assert found[1].after.cell.source == "a = 'ü\0'"
    assert found[0].principal == ("ann" * 100)[:200]
    await log.add("ä.ipynb", Change("undo", "cell", place("b"), place("a")), ANN, undoes=found[0])
    assert [each.id for each in await log.standing("ä.ipynb", EDITS, 10)] == [first]
    assert await log.page("other.ipynb", None, 10) == []
    storage.stop()
