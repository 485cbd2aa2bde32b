from __future__ import annotations

from pathlib import Path

from jupyter_mcp.toolsets.search.chunking.chunker import chunk
from jupyter_mcp.toolsets.search.index.places import lines_at
from jupyter_mcp.toolsets.search.lexical.store import LexicalStore
from support.lexical import pieces_of


def test_lines_end_as_they_are_counted(tmp_path: Path) -> None:
    with LexicalStore(tmp_path / "index.db") as store:
        store.replace([pieces_of("a.txt", chunk("a.txt", "one\r\r\ntwo\rthree\r\nfour\n"))])
        found = lines_at(store, "a.txt", (3, 4), None).chunk
    assert (found.line, found.end_line, found.text) == (3, 4, "two\nthree")
