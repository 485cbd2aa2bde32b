"""A search in the variables of this very process, for the kernel that asks.

A kernel that runs the cell which asks cannot tell a server its variables meanwhile. So the question
is taken apart and answered here, by the code of the toolsets that does the same in a server: like
`embedded`, this module may import what stands behind the client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.plain import one_line
from jupyter_mcp.toolsets.notebooks.inspectors import python
from jupyter_mcp.toolsets.search.asking import Asked, understood
from jupyter_mcp.toolsets.search.scopes.variables import Variable, found
from jupyter_mcp.toolsets.search.scopes.weights import DOCS, FILES, VARIABLES, weighed

PARTS = ("query", "scope", "mode", "path", "language")
"""The arguments of the tool ``search`` that the question consists of."""

_WEIGHTS = {"vars": VARIABLES, "docs": DOCS}


@dataclass(frozen=True, slots=True)
class KernelQuestion:
    """A search that is, at least in part, about this process's variables.

    Args:
        asked: The question, taken apart.
    """

    asked: Asked

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> KernelQuestion:
        """Take the arguments of the tool ``search`` apart, as the tool does.

        Raises:
            ToolError: ``invalid_arguments`` for a scope that there is not, or nothing to find.
        """
        return cls(understood(**{name: arguments[name] for name in PARTS if name in arguments}))

    @property
    def elsewhere(self) -> Sequence[dict[str, Any]]:
        """For each search that a server has to do besides: its part of the tool's arguments."""
        asked = self.asked
        files = [each for each in ("code", "notebooks") if each in asked.scopes]
        docs = [each for each in ("docs",) if each in asked.scopes]
        told = {"query": asked.text, "path": asked.path, "language": asked.language}
        given = {name: value for name, value in told.items() if value}
        return [{**given, "scope": scope} for scope in [*files[:1], *docs]]

    def answered(self, namespace: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        """Return the hits among the variables of a namespace, as the tool ``search`` has them.

        Raises:
            ToolError: ``invalid_arguments`` for a pattern that is none, ``timeout`` for one that
                takes too long.
        """
        if "vars" not in self.asked.scopes:
            return []
        known = [Variable(**each) for each in python.listed(namespace)]
        return [
            {
                "path": "this kernel",
                "symbol": each.name,
                "score": round(score, 3),
                "snippet": one_line(f"{each.type} {each.summary}".strip()),
                "kind": "variable",
            }
            for each, score in found(known, self.asked.text, limit, self.asked.mode)
        ]


def merged(found: Mapping[str, Sequence[dict[str, Any]]], limit: int) -> list[dict[str, Any]]:
    """Return the hits of several scopes as one list, as the tool ``search`` orders them.

    Args:
        found: The hits of each scope, the best first.
        limit: The most.
    """
    if sum(map(bool, found.values())) < 2:  # noqa: PLR2004 - nothing stands beside another
        return [hit for hits in found.values() for hit in hits][:limit]
    hits: list[dict[str, Any]] = []
    for scope, each in found.items():
        scores = weighed([hit["score"] for hit in each], _WEIGHTS.get(scope, FILES))
        hits += [{**hit, "score": score} for hit, score in zip(each, scores, strict=True)]
    return sorted(hits, key=lambda hit: -float(hit["score"]))[:limit]
