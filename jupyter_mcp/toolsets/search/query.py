"""What is asked of an index and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from jupyter_mcp.toolsets.search.chunk import Kind

Mode = Literal["hybrid", "lexical", "dense", "regex", "literal"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question.

    Args:
        text: In words, as a name, or as a pattern.
        limit: The most hits.
        mode: ``hybrid`` uses words and meaning; ``regex`` and ``literal`` go through the text.
        path: Only below this folder, this file, or what a glob such as ``src/**/*.py`` means.
        language: Only this language.
        kinds: Only these kinds; empty for all.
        allows: Says of which files hits may be told; None for all. It is asked about every file,
            so that what somebody may see is found however little of the folder that is.
        tell: Is told what a reader of the hits should know, such as that time was up; in any
            thread.
    """

    text: str
    limit: int = 10
    mode: Mode = "hybrid"
    path: str = ""
    language: str = ""
    kinds: frozenset[Kind] = frozenset()
    allows: Callable[[str], bool] | None = None
    tell: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Hit(Mapping[str, Any]):
    """What was found; its fields can be read as attributes and as items.

    Args:
        id: Of a document that a program gave, its own; else ``path:line`` or ``path#cell-id``.
        path: The file.
        line: The first line of the definition, section or cell that fits; of what has no name,
            and of a pattern, the first line that is shown.
        end_line: The last line.
        score: How well it fits; only comparable within one answer.
        snippet: The lines that fit best.
        symbol: The name that is defined there, or the heading.
        language: Such as ``python``.
        kind: See `Chunk.kind`.
        cell_id: The notebook's cell.
        parts: What the score is made of, by the name of the part.
    """

    id: str
    path: str
    line: int
    end_line: int
    score: float
    snippet: str
    symbol: str = ""
    language: str = ""
    kind: Kind = "text"
    cell_id: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return asdict(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(asdict(self))

    def __len__(self) -> int:
        return len(asdict(self))
