"""Pairs of prose and the code beneath it, out of notebooks, galleries and documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from pair import Pair, sentences

_BLOCK = re.compile(r"(?m)^(?:#{20,}|# ?%%.*)$")
_HEADING = re.compile(r"(?m)^#+\s+(.+)$")
_RST_CODE = re.compile(
    r"(?:^|\n)((?:[^\n]+\n)+)\s*\n?(?:\.\. (?:code-block|code|ipython|plot|jupyter-execute|"
    r"sourcecode)::[^\n]*\n(?:[ \t]+:[^\n]*\n)*)?\s*\n((?:[ \t]+[^\n]*\n|\n)+)"
)
_FENCE = re.compile(
    r"(?:^|\n)((?:[^\n`]+\n)+)\s*\n?```\s*(?:python|py|\{code-cell\}[^\n]*)\n(.*?)```", re.DOTALL
)
_LEAST = 25
"""Characters of the smallest piece of code that means something."""


class Cell(NamedTuple):
    """A code cell with the prose above it."""

    prose: str
    code: str


def cells_of_notebook(text: str) -> list[Cell]:
    """Return the code cells of a notebook, each with the Markdown right before it, if any."""
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError):
        return []
    found: list[Cell] = []
    prose = ""
    for cell in cells:
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") == "markdown":
            prose = source
        elif cell.get("cell_type") == "code":
            if len(source.strip()) >= _LEAST:
                found.append(Cell(prose, source))
            prose = ""
    return found


def cells_of_gallery(text: str) -> list[Cell]:
    """Return the blocks of a script in the form of sphinx-gallery, each with its comment."""
    if not _BLOCK.search(text):
        return []
    found: list[Cell] = []
    for block in _BLOCK.split(text)[1:]:
        lines = block.strip("\n").split("\n")
        prose: list[str] = []
        while lines and lines[0].startswith("#"):
            prose.append(lines.pop(0).lstrip("# "))
        code = "\n".join(lines).strip()
        if len(code) >= _LEAST:
            found.append(Cell("\n".join(prose), code))
    return found


def pairs_of_cells(cells: list[Cell]) -> Iterator[Pair]:
    """Return each sentence with the code beneath, at most four for a cell."""
    for cell in cells:
        for told in told_above(cell)[-4:]:
            yield Pair("cell", told, cell.code, "")


def told_above(cell: Cell) -> list[str]:
    """Return the sentences above a cell, its heading as one of them."""
    return sentences(_HEADING.sub(r"\1\n", cell.prose))


def pairs_of_documentation(text: str, *, is_markdown: bool) -> Iterator[Pair]:
    """Return the paragraphs that stand before code."""
    for prose, code in (_FENCE if is_markdown else _RST_CODE).findall(text):
        if len(code.strip()) >= _LEAST and re.search(r"[=(]", code):
            for told in sentences(prose.replace("::", ":"))[-2:]:
                yield Pair("docs", told, code.replace(">>> ", ""), "")
