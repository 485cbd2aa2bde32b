"""Cuts a notebook into its cells, each with what a reader sees around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.definition_patterns import pattern_of
from jupyter_mcp.toolsets.search.chunking.definitions import Assembler
from jupyter_mcp.toolsets.search.chunking.languages import named
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.chunking.markdown import headings
from jupyter_mcp.toolsets.search.walking.reading import Unreadable
from jupyter_mcp.workplace import addresses

_ID = 100
"""Characters of the longest id that is kept; the format allows 64."""

_BEFORE = 600
_PRINTED = 600
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PICTURE = re.compile(r"<[\w.]+(?: [^<>\n]*)?>\Z")
"""What objects without a text of their own print, such as ``<Figure size 640x480 with 1 Axes>``."""

_ASKS = re.compile(r"(?:[\w., ]+=\s*)?%{1,2}mcp\s+(?:search|index)\b")
_SAYS_NOTHING = re.compile(r"#|%(?:re)?load_ext\s+jupyter_mcp\b")


def chunk_notebook_text(path: str, text: str) -> list[Chunk]:
    """Cut the text of a notebook file.

    Raises:
        Unreadable: It is no notebook.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("corrupt notebook: it is not JSON") from None
    return chunk_notebook(path, notebook)


def chunk_notebook(path: str, notebook: Any) -> list[Chunk]:
    """Cut a notebook, such as one that somebody has open.

    Args:
        path: The file.
        notebook: Its JSON.

    Raises:
        Unreadable: It is no notebook.
    """
    cells = _cells(notebook)
    language = _language(notebook)
    chunks: list[Chunk] = []
    before, titles = "", [""] * 6
    for cell, identity in zip(cells, _addresses(cells, notebook), strict=True):
        source = _text(cell.get("source", cell.get("input")))
        if not source.strip() or _is_private(cell) or _is_search(cell, source):
            continue
        if cell.get("cell_type") == "markdown":
            _note(titles, source)
            title = next((each for each in reversed(titles) if each), "")
            above = " > ".join(each for each in titles if each and each != title)
            chunks += _cut(path, "markdown", source, (title, above), identity)
            before = source
        else:
            told = (" > ".join(each for each in titles if each), before[-_BEFORE:], _printed(cell))
            extra = "\n".join(each for each in told if each)
            name = language if cell.get("cell_type") == "code" else ""
            chunks += _cut(path, name, source, (_defined(name, source), extra), identity)
            before = ""
    return [replace(each, ordinal=number) for number, each in enumerate(chunks)]


def _cells(notebook: Any) -> list[Mapping[str, Any]]:
    if isinstance(notebook, Mapping):
        cells = notebook.get("cells")
        if cells is None and isinstance(sheets := notebook.get("worksheets"), list):  # nbformat 3
            cells = [
                cell
                for sheet in sheets
                if isinstance(sheet, Mapping) and isinstance(sheet.get("cells"), list)
                for cell in sheet["cells"]
            ]
        if isinstance(cells, list):
            return [cell for cell in cells if isinstance(cell, Mapping)]
    raise Unreadable("corrupt notebook: it has no cells")


def _is_private(cell: Mapping[str, Any]) -> bool:
    """Whether a person tagged a cell ``private``: agents never learn of it."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
    return isinstance(tags, list) and "private" in tags


def _is_search(cell: Mapping[str, Any], source: str) -> bool:
    """Whether a cell only searches: it holds all words of its question and answers none."""
    if cell.get("cell_type") != "code" or "%mcp" not in source:
        return False
    lines = [line.strip() for line in source.split("\n") if line.strip()]
    if lines[0].startswith("%%"):
        return _ASKS.match(lines[0]) is not None
    telling = [line for line in lines if not _SAYS_NOTHING.match(line)]
    return bool(telling) and all(_ASKS.match(line) for line in telling)


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if isinstance(metadata, Mapping):
        for part, key in (("language_info", "name"), ("kernelspec", "language")):
            found = metadata.get(part)
            if isinstance(found, Mapping) and isinstance(name := found.get(key), str) and name:
                return named(name)
    return "python"


def _text(value: Any) -> str:
    """Return a multiline string of the format as one that every store can keep."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _addresses(cells: Sequence[Mapping[str, Any]], notebook: Mapping[str, Any]) -> list[str]:
    """Return what each cell is called by all tools; an id that no store can keep counts as none."""
    minor = notebook.get("nbformat_minor")
    kept = [cell if _is_kept(cell.get("id")) else {**cell, "id": None} for cell in cells]
    return addresses(kept, minor if isinstance(minor, int) else 0)


def _is_kept(identity: object) -> bool:
    return isinstance(identity, str) and len(identity) <= _ID and _is_utf8(identity)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which JSON can hold and no store
        return False
    return True


def _note(titles: list[str], source: str) -> None:
    for heading in headings(Lines(source)):
        titles[heading.level - 1 :] = [heading.title] + [""] * (6 - heading.level)


def _defined(language: str, source: str) -> str:
    pattern = pattern_of(language)
    found = pattern.search(source) if pattern else None
    return (
        next(
            (name for key, name in found.groupdict().items() if name and key.startswith("name")), ""
        )
        if found
        else ""
    )


def _printed(cell: Mapping[str, Any]) -> str:
    told = ""
    for text in _outputs(cell):
        told += _ESCAPE.sub("", text[: 2 * _PRINTED]).strip() + "\n"
        if len(told) >= _PRINTED:
            break
    return told[:_PRINTED].strip()


def _outputs(cell: Mapping[str, Any]) -> Iterator[str]:
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, Mapping):
            continue
        data = output.get("data")
        if isinstance(data, Mapping):
            text = _text(data.get("text/plain"))
        elif output.get("output_type") in {"error", "pyerr"}:
            text = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        else:
            text = _text(output.get("text"))
        if text.strip() and not _PICTURE.match(text.strip()):
            yield text


def _cut(
    path: str, language: str, source: str, told: tuple[str, str], identity: str
) -> list[Chunk]:
    lines = Lines(source)
    assembler = Assembler(path, "notebook", language, lines, identity)
    assembler.add(1, len(lines), *told)
    return assembler.chunks
