"""Open notebooks in the index: taken when they changed, given back when they are closed."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.opened import OpenNotebooks


class Desk:
    """Open notebooks, and what an index was told of them."""

    def __init__(self) -> None:
        self.marks: dict[str, Hashable | None] = {}
        self.contents: dict[str, dict[str, Any]] = {}
        self.reads: list[str] = []
        self.told: list[tuple[str, Any]] = []
        self.is_busy = False
        self.opened = OpenNotebooks(self._put, self._close)

    def live(self) -> Mapping[str, Hashable | None]:
        return dict(self.marks)

    async def read_live(self, path: str) -> dict[str, Any] | None:
        self.reads.append(path)
        await asyncio.sleep(0)
        if self.contents.get(path) == {"gone": True}:
            raise ToolError("unavailable", "The page was closed.")
        return self.contents.get(path)

    async def _put(self, path: str, content: dict[str, Any]) -> bool:
        self.told.append((path, content))
        return not self.is_busy

    async def _close(self, path: str) -> None:
        self.told.append((path, None))

    async def look(self) -> list[tuple[str, Any]]:
        """Refresh, and return what the index was told."""
        self.told.clear()
        await self.opened.refresh(self)
        return self.told


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_notebook_is_read_when_its_mark_is_another(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 1, {"cells": [1]}
    assert await desk.look() == [("a.ipynb", {"cells": [1]})]
    assert await desk.look() == []
    assert desk.reads == ["a.ipynb"]
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 2, {"cells": [2]}
    assert await desk.look() == [("a.ipynb", {"cells": [2]})]


async def test_without_a_mark_its_contents_are_compared(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = None, {"cells": [1]}
    assert await desk.look() == [("a.ipynb", {"cells": [1]})]
    assert await desk.look() == []
    desk.contents["a.ipynb"] = {"cells": [2]}
    assert await desk.look() == [("a.ipynb", {"cells": [2]})]


async def test_the_file_counts_again_when_the_notebook_is_closed(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 1, {"cells": [1]}
    await desk.look()
    desk.marks.clear()
    assert await desk.look() == [("a.ipynb", None)]
    assert await desk.look() == []


async def test_a_page_that_does_not_answer_is_left_out(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = None, {"gone": True}
    desk.marks["b.ipynb"], desk.contents["b.ipynb"] = None, {"cells": [1]}
    assert await desk.look() == [("b.ipynb", {"cells": [1]})]


async def test_what_could_not_be_taken_is_tried_again(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 1, {"cells": [1]}
    desk.is_busy = True
    await desk.look()
    desk.is_busy = False
    assert await desk.look() == [("a.ipynb", {"cells": [1]})]
    assert await desk.look() == []


async def test_looks_at_the_same_time_read_once(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 1, {"cells": [1]}
    await asyncio.gather(desk.opened.refresh(desk), desk.opened.refresh(desk))
    assert desk.reads == ["a.ipynb"]


async def test_after_forgetting_all_is_taken_anew(desk: Desk) -> None:
    desk.marks["a.ipynb"], desk.contents["a.ipynb"] = 1, {"cells": [1]}
    await desk.look()
    desk.opened.forget()
    assert await desk.look() == [("a.ipynb", {"cells": [1]})]
