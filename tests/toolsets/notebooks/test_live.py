"""Looking at open notebooks without joining them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.live import LiveDocuments
from support.notebooks import code, house, until

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

SECRET = code("password = 'x'", "secret", tags=["private"])


class Pages:
    """Pages that have one notebook open."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def opened(self) -> frozenset[str]:
        return frozenset({"open.ipynb", "text.py"})

    async def request(self, path: str, op: dict[str, Any]) -> dict[str, Any]:
        assert (path, op) == ("open.ipynb", {"op": "read"})
        return self.answer


async def test_what_a_person_types_is_seen_and_nobody_joins(tmp_path: Path) -> None:
    async with house(tmp_path, live=True) as home:
        home.notebook(code("a = 1", "one"), SECRET)
        looking = LiveDocuments(home.ydoc)
        assert looking.live() == {}
        async with home.person() as person:
            [(path, mark)] = looking.live().items()
            assert path == "nb.ipynb"
            assert looking.live() == {path: mark}
            person.type("one", "b = 2\n")
            await until(lambda: looking.live()[path] != mark)
            content = await looking.read(path)
            assert content is not None
            assert [cell["source"] for cell in content["cells"]] == ["b = 2\na = 1"]
            [room] = home.ydoc.ywebsocket_server.rooms.values()
            before = len(room.clients)
            await looking.read(path)
            assert len(room.clients) == before
        looking.stop()


async def test_a_page_is_asked_for_what_it_has_open() -> None:
    raw = [{"id": "one", "cell_type": "code", "source": "a = 1", "outputs": []}]
    looking = LiveDocuments(None, Pages({"cells": raw, "metadata": {"kernelspec": {"name": "k"}}}))
    assert looking.live() == {"open.ipynb": None}
    content = await looking.read("open.ipynb")
    assert content is not None
    assert content["metadata"] == {"kernelspec": {"name": "k"}}
    assert [cell["source"] for cell in content["cells"]] == ["a = 1"]
    assert await looking.read("other.ipynb") is None


async def test_a_page_that_cannot_tell_is_said_so() -> None:
    looking = LiveDocuments(None, Pages({"error": "no such document"}))
    with pytest.raises(ToolError, match=r"open\.ipynb"):
        await looking.read("open.ipynb")
