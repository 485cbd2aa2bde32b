"""Paths that are seldom what somebody looks for: tests, examples, copies, generated files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from jupyter_mcp.toolsets.search.ranking.question import pieces, stems

FACTORS: Mapping[str, float] = MappingProxyType(
    {
        "test": 0.3,
        "example": 0.3,
        "vendored": 0.3,
        "generated": 0.3,
        "minified": 0.2,
        "legacy": 0.4,
        "stub": 0.7,
        "reexport": 0.6,
        "notes": 0.5,
        "prose": 0.7,
    }
)
"""What a score is multiplied with, by the kind of the path."""

_KINDS = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "test": r"(?:^|/)(?:tests?|__tests__|specs?|testing|testdata|fixtures|benchmarks?)/"
        r"|(?:^|/)(?:test_[^/]*|conftest)\.\w+$"
        r"|[^/](?:_test|_spec|\.test|\.spec|Tests?|Spec|Suite)\.\w+$",
        "example": r"(?:^|/)(?:_?examples?|demos?|samples?|tutorials?|docs?_src)(?:/|\.\w+$)",
        "vendored": r"(?:^|/)(?:_?vendor(?:ed)?|third_?party|node_modules|site-packages|extern)/",
        "generated": r"(?:^|/)(?:generated|__generated__|autogen|gen)/"
        r"|(?:_pb2(?:_grpc)?\.pyi?|\.pb\.\w+|\.g\.\w+|[._]generated\.\w+)$"
        r"|(?:^|/)(?:package-lock\.json|[^/]+\.lock)$",
        "minified": r"[.-](?:min|bundle)\.\w+$",
        "legacy": r"(?:^|/)_?(?:compat|legacy|deprecated)/",
        "stub": r"\.pyi$|\.d\.ts$",
        "reexport": r"(?:^|/)(?:__init__\.py|package-info\.java)$",
        "notes": r"(?:^|/)(?:changes|changelog|history|news|licen[sc]e|authors|contributors)"
        r"(?:\.\w+)?$",
    }.items()
}
_NOTES = _KINDS["notes"].pattern
_KINDS["notes"] = re.compile(_NOTES, re.IGNORECASE)


@lru_cache(maxsize=8192)
def kinds_of(path: str) -> tuple[str, ...]:
    """Return what kinds of low value a path tells of; see `FACTORS`."""
    return tuple(kind for kind, pattern in _KINDS.items() if pattern.search(path))


@lru_cache(maxsize=8192)
def words_of(path: str) -> frozenset[str]:
    """Return the stems of the words in a file's name and in its folder's."""
    *folders, name = path.split("/")
    told = name.rpartition(".")[0] or name
    return stems(pieces(f"{folders[-1] if folders else ''} {told}"))


@lru_cache(maxsize=8192)
def name_of(path: str) -> frozenset[str]:
    """Return the stems of the words in a file's name."""
    name = path.rpartition("/")[2]
    return stems(pieces(name.rpartition(".")[0] or name))
