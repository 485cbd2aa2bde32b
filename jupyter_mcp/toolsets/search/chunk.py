"""A piece of a file that can be found: a function, a cell, a section."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["code", "notebook", "markdown", "text", "docs", "document"]
"""What a piece comes from: a program, a notebook's cell, a Markdown section, other text, the
documentation of an installed package, or a document that a program gave (`SearchIndex`)."""

TOGETHER = ", "
"""Stands between the names of short definitions that are one piece."""


@dataclass(frozen=True)
class Chunk:
    """A piece of a file.

    Args:
        path: The file below the indexed folder, with ``/``.
        kind: What it comes from.
        language: Lower case, such as ``python``; empty for plain text.
        line: Its first line in the file, or in its cell; from 1.
        end_line: Its last line.
        text: Its text as it is in the file; this is what a hit shows.
        symbol: The qualified name that is defined here, or several (see `TOGETHER`), or the
            heading; empty for none.
        extra: What belongs to it and is searched too, but not shown: the class around a method,
            the Markdown before a cell, what the cell printed.
        cell_id: The notebook's cell; empty elsewhere.
        ordinal: Which of the file's chunks it is, from 0.
    """

    path: str
    kind: Kind
    language: str
    line: int
    end_line: int
    text: str
    symbol: str = ""
    extra: str = ""
    cell_id: str = ""
    ordinal: int = 0

    @cached_property
    def digest(self) -> str:
        """A hash of all that is searched: chunks that share it share their vector."""
        told = f"{self.kind}\0{self.language}\0{self.symbol}\0{self.extra}\0{self.text}"
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
