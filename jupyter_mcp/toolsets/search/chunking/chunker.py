"""Cuts a file into chunks, in the way that fits its kind."""

from __future__ import annotations

from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.cutting import has_giants
from jupyter_mcp.toolsets.search.chunking.definition_lines import found_by_lines
from jupyter_mcp.toolsets.search.chunking.definitions import Assembler
from jupyter_mcp.toolsets.search.chunking.grammars import found_by_grammar
from jupyter_mcp.toolsets.search.chunking.languages import Language, language_of
from jupyter_mcp.toolsets.search.chunking.lines import Lines
from jupyter_mcp.toolsets.search.chunking.markdown import chunk_markdown, chunk_rst
from jupyter_mcp.toolsets.search.chunking.notebook import chunk_notebook, chunk_notebook_text
from jupyter_mcp.toolsets.search.chunking.python import chunk_python
from jupyter_mcp.toolsets.search.walking.reading import Unreadable

__all__ = ["chunk", "chunk_notebook"]


def chunk(path: str, text: str) -> list[Chunk]:
    """Cut a file into pieces that can be found and cited.

    Args:
        path: The file below the indexed folder; its name tells the language.
        text: Its text.

    Raises:
        Unreadable: It is a notebook that cannot be parsed, or has nothing but lines that no person
            wrote.
    """
    language = language_of(path, text)
    if language.kind == "notebook":
        return chunk_notebook_text(path, text)
    lines = Lines(text)
    chunks = _chunks(path, language, lines)
    if not chunks and has_giants(lines):
        raise Unreadable("its lines are too long (minified or data)")
    return chunks


def _chunks(path: str, language: Language, lines: Lines) -> list[Chunk]:
    match language.name:
        case "python":
            return chunk_python(path, lines)
        case "markdown":
            return chunk_markdown(path, lines)
        case "rst":
            return chunk_rst(path, lines)
    found = found_by_grammar(language.name, lines)
    if found is None:
        found = found_by_lines(language.name, lines)
    return Assembler(path, language.kind, language.name, lines).file(found)
