"""Reading notebooks: small pages, outputs in a line, cursors that find their place again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.notebooks.cells import read_cells
from jupyter_mcp.toolsets.notebooks.model import Cell
from jupyter_mcp.toolsets.notebooks.reading import (
    PAGE_BYTES,
    Detail,
    NotebookPage,
    head_of,
    output_line,
    page,
)
from support.notebooks import big_notebook


def size(read: NotebookPage) -> int:
    told = {**asdict(read), "cells": [without_none(asdict(cell)) for cell in read.cells]}
    structured = json.dumps(told, ensure_ascii=False)
    return len(structured.encode()) + len(json.dumps(read.to_text(), ensure_ascii=False).encode())


def without_none(value: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if each is not None}


def all_pages(cells: list[Cell], detail: Detail) -> list[NotebookPage]:
    pages = [page("nb.ipynb", cells, detail, None)]
    while pages[-1].next_cursor:
        pages.append(page("nb.ipynb", cells, detail, pages[-1].next_cursor))
    return pages


@pytest.mark.parametrize("detail", ["outline", "cells"])
def test_a_page_of_a_big_notebook_is_small_and_the_pages_are_the_whole(detail: Detail) -> None:
    cells = read_cells(big_notebook(500), 5)
    pages = all_pages(cells, detail)
    assert [cell.id for read in pages for cell in read.cells] == [cell.id for cell in cells]
    assert all(size(read) <= 10_240 for read in pages)
    told = [cell.size for read in pages[:-1] for cell in read.cells]
    assert sum(told) / (len(pages) - 1) > PAGE_BYTES * 0.8
    assert pages[0].total == 500


@given(
    st.lists(st.text(max_size=400), max_size=30),
    st.sampled_from(["outline", "cells"]),
)
def test_pages_hold_each_cell_once_whatever_is_in_them(sources: list[str], detail: Detail) -> None:
    cells = [Cell(f"c{i}", "code", source) for i, source in enumerate(sources)]
    pages = all_pages(cells, detail)
    assert [cell.id for read in pages for cell in read.cells] == [cell.id for cell in cells]


def test_a_cell_that_is_too_long_for_a_page_is_cut_and_says_so() -> None:
    (cell,) = page("nb.ipynb", [Cell("a", "code", "x" * 50_000)], "cells", None).cells
    assert cell.source is not None
    assert cell.cut == 50_000 - len(cell.source)
    assert "cell_read" in cell.to_text()
    wide = page("nb.ipynb", [Cell("a", "code", "😀" * 50_000)], "cells", None)
    assert size(wide) <= 10_240
    assert wide.cells[0].source == "😀" * 750


def test_a_cursor_finds_its_place_when_cells_come_above() -> None:
    cells = [Cell(f"c{i}", "code", "word " * 100) for i in range(50)]
    first = page("nb.ipynb", cells, "cells", None)
    following = cells[len(first.cells)].id
    more = [Cell("new", "code", ""), *cells]
    assert page("nb.ipynb", more, "cells", first.next_cursor).cells[0].id == following
    rest = [cell for cell in cells if cell.id != following]
    with pytest.raises(ToolError, match="first page") as error:
        page("nb.ipynb", rest, "cells", first.next_cursor)
    assert error.value.code == "conflict"
    for path, detail in (("other.ipynb", "cells"), ("nb.ipynb", "outline")):
        with pytest.raises(ToolError, match="another notebook"):
            page(path, cells, detail, first.next_cursor)  # type: ignore[arg-type] # of a test


@given(st.text(max_size=40))
def test_foreign_cursors_are_refused_in_a_line(cursor: str) -> None:
    with pytest.raises(ToolError) as error:
        page("nb.ipynb", [Cell("a", "code", "")], "cells", cursor)
    assert error.value.code == "invalid_arguments"


@pytest.mark.parametrize(
    ("kind", "source", "head"),
    [
        ("code", "\n\nimport os\nx", "import os"),
        ("code", "# a comment", "# a comment"),
        ("markdown", "words\n\n## Title ", "## Title"),
        ("markdown", "", ""),
        ("code", "y" * 300, "y" * 79 + "…"),
    ],
)
def test_the_head_of_a_cell_tells_what_it_is(kind: str, source: str, head: str) -> None:
    assert head_of(Cell("a", kind, source)) == head


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ({"output_type": "stream", "name": "stdout", "text": "hello\n"}, "stdout: hello"),
        ({"output_type": "stream", "name": "stderr", "text": "a\nb\n"}, "stderr 4 B: a"),
        ({"output_type": "stream", "text": "\x1b[31mred\x1b[0m"}, "stdout: red"),
        (
            {"output_type": "error", "ename": "ValueError", "evalue": "\x1b[1mno\nmore"},
            "ValueError: no",
        ),
        (
            {"output_type": "display_data", "data": {"image/png": "A" * 40_000}},
            "image/png 29.3 KB",
        ),
        (
            {
                "output_type": "execute_result",
                "data": {"text/plain": "  a b\n0 1 2", "text/html": "<table>"},
            },
            "text/html 11 B: a b",
        ),
        ({"output_type": "execute_result", "data": {"text/plain": "42"}}, "text/plain: 42"),
        ({"output_type": "display_data", "data": {}}, "text/plain: "),
    ],
)
def test_an_output_fits_in_a_line(output: dict[str, Any], line: str) -> None:
    assert output_line(output) == line
