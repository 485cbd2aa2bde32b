"""What stands in a question besides its words: ``in:notebooks``, ``path:src/``, ``language:r``.

Such words win over the arguments beside the question, since whoever typed them saw them. In a
pattern they are left alone: there they may be what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.search.chunk import Kind
from jupyter_mcp.toolsets.search.chunking.languages import NOTEBOOK, named
from jupyter_mcp.toolsets.search.query import Mode
from jupyter_mcp.toolsets.search.sources import normal

Scope = Literal["code", "notebooks", "docs", "vars", "all"]

PATTERNS: frozenset[Mode] = frozenset({"regex", "literal"})
PROJECT: frozenset[Scope] = frozenset({"code", "notebooks"})
"""Scopes that are files of the project."""

LONGEST = 2_000
"""Characters of the longest question: a cell or a paragraph, and not a file."""

_ALIASES: dict[str, Scope] = {
    **{scope: scope for scope in get_args(Scope)},
    "notebook": "notebooks",
    "doc": "docs",
    "var": "vars",
    "variables": "vars",
    "files": "code",
    "everything": "all",
}
_WORD = re.compile(r'(?<!\S)(in|path|language|lang):("[^"]*"|\S+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart.

    Args:
        text: Its words.
        scopes: Where to look; ``all`` is spelled out.
        mode: How.
        path: Only below this folder, this file, or what a glob means.
        language: Only this language, as an index calls it.
    """

    text: str
    scopes: frozenset[Scope]
    mode: Mode = "hybrid"
    path: str = ""
    language: str = ""

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of pieces of the project that are meant; empty for all."""
        return frozenset() if "code" in self.scopes else frozenset({"notebook"})

    @property
    def is_of_project(self) -> bool:
        """Whether files of the project are meant."""
        return not PROJECT.isdisjoint(self.scopes)


def understood(
    query: str, scope: Scope = "code", mode: Mode = "hybrid", path: str = "", language: str = ""
) -> Asked:
    """Take a question apart.

    Raises:
        ToolError: ``invalid_arguments`` for one without words, that is too long, or that names a
            scope that there is not or a path that leads out.
    """
    if len(query) > LONGEST:
        raise ToolError(
            "invalid_arguments",
            f"A question has at most {LONGEST} characters.",
            "Shorten it; search_similar finds what is like a whole cell or function.",
        )
    if mode in PATTERNS:
        found: dict[str, list[str]] = {}
        text = query
    else:
        found, text = _taken_out(query)
    if not text.strip():
        raise ToolError(
            "invalid_arguments", "Nothing to find.", "Say in words what the code does, or a name."
        )
    place = (found.get("path") or [path])[-1]
    normal(place)
    scopes = _scopes([_scope(each) for each in found.get("in", [scope])])
    spoken = named((found.get("language") or [language])[-1])
    if spoken == NOTEBOOK:  # whatever language their cells are in
        scopes, spoken = frozenset({"notebooks"}), ""
    return Asked(text=text, scopes=scopes, mode=mode, path=place, language=spoken)


def _taken_out(query: str) -> tuple[dict[str, list[str]], str]:
    found: dict[str, list[str]] = {}

    def take(word: re.Match[str]) -> str:
        name = word[1].lower()
        value = word[2].strip('"')
        values = value.split(",") if name == "in" else [value]
        found.setdefault("language" if name == "lang" else name, []).extend(filter(None, values))
        return ""

    return found, " ".join(_WORD.sub(take, query).split())


def _scope(name: str) -> Scope:
    scope = _ALIASES.get(name.lower())
    if scope is None:
        raise ToolError(
            "invalid_arguments",
            f"There is no scope 'in:{name[:40]}'.",
            f"Choose from: {', '.join(f'in:{each}' for each in get_args(Scope))}.",
        )
    return scope


def _scopes(named: Iterable[Scope]) -> frozenset[Scope]:
    scopes = frozenset(named)
    return frozenset(get_args(Scope)) - {"all"} if "all" in scopes else scopes
