"""Texts that a program gives the index, which are no files of its folder.

They lie among the files under a name that no file can have, so that an update leaves them alone
and the same id replaces the same document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Chunk
from jupyter_mcp.toolsets.search.chunking.languages import language_of
from jupyter_mcp.toolsets.search.lexical.pieces import FilePieces
from jupyter_mcp.toolsets.search.lexical.words import columns

_MARK = "//"
_DEFINED = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)


def is_document(path: str) -> bool:
    """Whether what the index has under this path is a document."""
    return _MARK in path


def documents_of(documents: Sequence[Mapping[str, str]]) -> list[FilePieces]:
    """Return documents as the index keeps them; of several with one id the last.

    Raises:
        ToolError: ``invalid_arguments`` for one without id or text.
    """
    return list({file.pieces[0][0].cell_id: file for file in map(pieces_of, documents)}.values())


def number_of(path: str) -> str:
    """Return what is the same for all documents with one id, of the path that one has here."""
    return path.rpartition(_MARK)[2]


def pieces_of(document: Mapping[str, str]) -> FilePieces:
    """Return a document as the index keeps it.

    Args:
        document: ``{"id", "text", "path"?}``.

    Raises:
        ToolError: ``invalid_arguments`` when something is missing.
    """
    is_told = isinstance(document, Mapping)
    identity, text = (document.get("id"), document.get("text")) if is_told else (None, None)
    if not (isinstance(identity, str) and identity and isinstance(text, str)):
        raise ToolError(
            "invalid_arguments",
            "A document needs an 'id' and a 'text', both strings.",
            'Give each as {"id": "...", "text": "..."}.',
        )
    identity, text = _kept(identity), _kept(text)
    path = _kept(str(document.get("path") or ""))
    found = _DEFINED.search(text)
    chunk = Chunk(
        path=_place(path, identity),
        kind="document",
        language=language_of(path, text).name or ("python" if found and not path else ""),
        line=1,
        end_line=text.count("\n") + 1,
        text=text,
        symbol=found[1] if found else "",
        cell_id=identity,
    )
    size = len(text.encode("utf-8", "replace"))
    return FilePieces(chunk.path, size, 0, chunk.digest, [(chunk, columns(chunk))])


def path_of(chunk: Chunk) -> str:
    """Return the path that was given with a document."""
    return chunk.path.rpartition(_MARK)[0]


def _place(path: str, identity: str) -> str:
    """Return a name of digits, which the words of a path do not show."""
    number = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big")
    return f"{path}{_MARK}{number}"


def _kept(text: str) -> str:
    """Return a text as one that every store can keep: without halves of letters."""
    return text.encode("utf-8", "replace").decode()
