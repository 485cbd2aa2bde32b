"""Who has a notebook open, by the live documents of jupyter-collaboration."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.files.open_notebooks import OpenNotebooks
from support.notebooks import code, house

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unclosed <MemoryObject:ResourceWarning",  # jupyter_server_ydoc leaves them in a room
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


async def test_a_person_has_it_open_and_an_agent_does_not_count(tmp_path: Path) -> None:
    async with house(tmp_path, live=True) as home:
        home.notebook(code("a = 1", "a"))
        notebooks = OpenNotebooks(None, home.ydoc)
        assert not notebooks.is_open("nb.ipynb")
        await home.documents.open("nb.ipynb")
        assert not notebooks.is_open("nb.ipynb")
        notebooks.refuse_open("nb.ipynb")
        async with home.person():
            assert notebooks.is_open("nb.ipynb")
            with pytest.raises(ToolError, match="open"):
                notebooks.refuse_open("nb.ipynb")
            assert not notebooks.is_open("other.ipynb")
