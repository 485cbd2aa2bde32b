"""Where the nodes of a spec use values: which fields may hold references, and which expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.spec import references
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.models import (
    Analysis,
    AnyNode,
    Decision,
    Map,
    Node,
    Notebook,
    Notification,
    Processing,
    Work,
)
from jupyter_mcp.toolsets.workflows.spec.references import Place

BASE = ("parameters", "nodes", "workflow")
"""What every value may refer to."""

FIELDS = {
    "action": ("arguments",),
    "processing": ("input", "kernel_id", "sandbox_id"),
    "analysis": ("input", "arguments"),
    "decision": (),
    "notification": ("to", "subject", "body"),
    "notebook": ("path", "parameters", "output", "kernel"),
    "approval": ("message",),
    "map": ("over",),
    "subworkflow": ("parameters",),
    "wait": ("seconds", "until"),
}
"""The fields of each kind in which references are replaced, besides ``idempotency_key``."""


@dataclass(frozen=True, slots=True)
class Value:
    """A field that may hold references.

    Args:
        place: Where in the node.
        value: What is written there.
        roots: Where its references may start.
        is_afterwards: Whether it is used when its node has run, so that it may refer to it.
    """

    place: Place
    value: Any
    roots: tuple[str, ...]
    is_afterwards: bool = False


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression of a node.

    Args:
        place: Where in the node.
        text: The expression.
        variables: What it may know.
        is_condition: Whether it has to be true or false.
    """

    place: Place
    text: str
    variables: tuple[str, ...]
    is_condition: bool = True


def values_of(work: Work, roots: tuple[str, ...] = BASE, place: Place = ()) -> Iterator[Value]:
    """Yield every field of a node, or of a work, that may hold references."""
    for name in (*FIELDS[kind_of(work)], "idempotency_key"):
        if (value := getattr(work, name)) is not None:
            yield Value((*place, name), value, roots)
    if work.compensate is not None:
        where = (*place, "compensate", "arguments")
        yield Value(where, work.compensate.arguments, roots, is_afterwards=True)
    if isinstance(work, Map):
        yield from values_of(work.node, (*roots, work.item_name), (*place, "node"))


def formulas_of(work: Work, known: tuple[str, ...] = BASE, place: Place = ()) -> Iterator[Formula]:
    """Yield every expression of a node or of a work."""
    if isinstance(work, Node) and work.when is not None:
        yield Formula((*place, "when"), work.when, known)
    if isinstance(work, Processing) and work.expression is not None:
        where = (*place, "expression")
        yield Formula(where, work.expression, (*known, "input"), is_condition=False)
    if isinstance(work, Processing | Analysis):
        for index, rule in enumerate(work.rules):
            where = (*place, "rules", index, "expression")
            yield Formula(where, rule.expression, (*known, "input", "output"))
    if isinstance(work, Decision):
        for index, branch in enumerate(work.branches):
            yield Formula((*place, "branches", index, "when"), branch.when, known)
    if isinstance(work, Map):
        yield from formulas_of(work.node, (*known, work.item_name), (*place, "node"))


def kind_of(work: Work) -> str:
    """Return the kind of a node or a work."""
    return str(getattr(work, "kind", ""))


def tools_of(work: Work) -> tuple[str, ...]:
    """Return the tools that a node, or a work, always calls besides one that it names."""
    if isinstance(work, Notebook):
        return ("file_read", "file_write", "cell_run")
    if isinstance(work, Processing) and work.kernel_id is not None:
        return ("kernel_execute",)
    if isinstance(work, Processing) and work.sandbox_id is not None:
        return ("file_write", "terminal_run", "file_read", "file_delete")
    if isinstance(work, Notification) and work.channel in ("panel", "event"):
        return ("workflow_notify",)
    return ()


def nodes_used(node: AnyNode) -> frozenset[str]:
    """Return the ids of the nodes whose results a node uses, itself left out.

    What cannot be read uses nothing: `check` tells of it.
    """
    used: set[str] = set()
    for each in values_of(node):
        used |= _referred(each.value)
    for formula in formulas_of(node):
        used |= _asked(formula.text, formula.variables)
    return frozenset(used - {node.id})


def _referred(value: Any) -> set[str]:
    found: set[str] = set()
    for _, text in references.texts(value):
        try:
            parts = references.parse(text)
        except ToolError:
            continue
        found |= {part.node for part in parts if not isinstance(part, str) and part.node}
    return found


@lru_cache(maxsize=1024)
def _asked(text: str, variables: tuple[str, ...]) -> frozenset[str]:
    try:
        paths = compile_expression(text, variables).paths
    except ToolError:
        return frozenset()
    return frozenset(str(path[1]) for path in paths if path[0] == "nodes" and len(path) > 1)
