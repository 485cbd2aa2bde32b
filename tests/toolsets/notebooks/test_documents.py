"""Paths of notebooks: relative to the root, inside of it, and nothing but notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.documents import Documents

DOCUMENTS = Documents([], Path("/srv/work"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.ipynb", "a.ipynb"),
        ("/a.ipynb", "a.ipynb"),
        ("./d//e/../a.ipynb", "d/a.ipynb"),
        ("/srv/work/d/a.ipynb", "d/a.ipynb"),
        ("ä ö#?.ipynb", "ä ö#?.ipynb"),
    ],
)
def test_paths_are_those_of_the_contents_api(given: str, expected: str) -> None:
    assert DOCUMENTS.notebook_path(given) == expected


@pytest.mark.parametrize("path", ["../a.ipynb", "d/../../a.ipynb", "/../a.ipynb", "a\0.ipynb"])
def test_nothing_outside_of_the_root_can_be_named(path: str) -> None:
    with pytest.raises(ToolError) as error:
        DOCUMENTS.notebook_path(path)
    assert error.value.code == "forbidden"
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "path", ["", "/", "folder", "data.csv", "a.ipynb/b", "\ud83d.ipynb", "a/" * 4096]
)
def test_what_cannot_be_a_notebook_is_refused(path: str) -> None:
    with pytest.raises(ToolError) as error:
        DOCUMENTS.notebook_path(path)
    assert error.value.code == "invalid_arguments"
    assert error.value.remedy
    assert str(error.value).encode()


@given(st.text(alphabet="./a\\~", max_size=20))
def test_no_spelling_leads_out(path: str) -> None:
    try:
        inside = DOCUMENTS.inside(path)
    except ToolError:
        return
    assert not inside.startswith("/")
    assert ".." not in inside.split("/")


async def test_without_a_server_there_are_no_notebooks() -> None:
    with pytest.raises(ToolError, match="jupyter lab"):
        await DOCUMENTS.open("a.ipynb")
