"""Finds the toolsets that installed packages offer.

A plugin that cannot be loaded is reported and left out: somebody else's mistake must not take the
server down.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.toolset import Host, Toolset

GROUP = "jupyter_mcp.toolsets"
"""The entry point group of toolsets."""

OWN_DISTRIBUTION = "jupyter-mcp-workbench"
"""The distribution whose toolsets are the built-in ones."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """A plugin that was left out.

    Args:
        plugin: The entry point's name.
        package: The distribution that offers it.
        reason: One line that says why.
    """

    plugin: str
    package: str
    reason: str


def load_toolsets(host: Host) -> Iterator[Toolset | Problem]:
    """Build every installed toolset; yield a `Problem` for one that fails.

    Our own come first, so that nobody else's tool can take the name of one of them.
    """
    for point in sorted(
        entry_points(group=GROUP), key=lambda point: (_is_foreign(point), point.name)
    ):
        yield _load(point, host)


def third_party(toolsets: Iterable[Toolset]) -> dict[str, list[dict[str, Any]]]:
    """Return, for each package but ours, what its tools say of themselves, in MCP's words."""
    said: dict[str, list[dict[str, Any]]] = {}
    for toolset in toolsets:
        if toolset.source:
            tools = (each for each in toolset.operations if isinstance(each, Tool))
            said.setdefault(toolset.source, []).extend(map(_said, tools))
    return said


def _said(tool: Tool) -> dict[str, Any]:
    """Return what is pinned of a tool; its scope counts as a hint, for it is a promise as well."""
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.input_schema),
        "outputSchema": tool.output_schema and dict(tool.output_schema),
        "annotations": {
            "title": tool.title,
            "scope": tool.scope,
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
            "openWorldHint": tool.open_world,
        },
    }


def _is_foreign(point: EntryPoint) -> bool:
    return point.dist is None or point.dist.name != OWN_DISTRIBUTION


def _load(point: EntryPoint, host: Host) -> Toolset | Problem:
    try:
        toolset = _build(point.load(), host)
        if _is_foreign(point):
            toolset.source = point.dist.name if point.dist else "unknown"
        for operation in toolset.operations:
            if toolset.source:  # mistakes in its schemas show up here; those of ours in our tests
                operation.signature.compile()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, the server starts
        return report(point, error)
    return toolset


def _build(factory: Any, host: Host) -> Toolset:
    toolset = factory(host)
    if not isinstance(toolset, Toolset) or not toolset.name:
        raise TypeError("the entry point must name a subclass of jupyter_mcp.Toolset with a name")
    return toolset


def report(point: EntryPoint, error: BaseException) -> Problem:
    """Log why a plugin was left out and return it as a `Problem`."""
    package = point.dist.name if point.dist else "unknown"
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    _log.warning("Toolset '%s' of package '%s' was left out: %s", point.name, package, reason)
    return Problem(plugin=point.name, package=package, reason=reason)
