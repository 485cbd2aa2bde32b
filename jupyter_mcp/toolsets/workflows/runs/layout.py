"""The nodes of a run's spec, those of its subworkflows included, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, Approval, Map, Spec, Subworkflow


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node as it is listed and drawn.

    Args:
        id: Its id, after that of the subworkflow that it is in: ``sub.load``.
        kind: What it does.
        title: What people are shown; empty for nothing of its own.
        needs: The ids of the nodes that it waits for.
    """

    id: str
    kind: str
    title: str
    needs: tuple[str, ...]


class Layout:
    """The nodes of a spec.

    Args:
        spec: The spec, complete.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.nodes = (*_drawn(spec, ""), *_told(spec))

    def node(self, node_id: str) -> AnyNode | None:
        """Return a node by the id that runs know it by; None for none."""
        found: AnyNode | None = None if "[" in node_id else self.part(node_id)
        return found

    def part(self, node_id: str) -> Any:
        """Return a node as `node` does, also one in elements of maps (``each[3].load``)."""
        spec, parts = self.spec, node_id.split(".")
        found: Any = None
        for number, part in enumerate(parts):
            name, _, index = part.partition("[")
            found = next((each for each in spec.nodes if each.id == name), None)
            if index:
                found = found.node if isinstance(found, Map) else None
            if found is None or number == len(parts) - 1:
                break
            if not isinstance(found, Subworkflow) or not isinstance(found.workflow, Spec):
                return None
            spec = found.workflow
        return found

    def approval(self, node_id: str) -> Approval | None:
        """Return the approval that a node is, also one in elements of maps (``each[3].ask``)."""
        found = self.part(node_id)
        return found if isinstance(found, Approval) else None

    def after(self, node_id: str) -> frozenset[str]:
        """Return a node and all that is done again with it, those of subworkflows included.

        That is what waits for it, also outside of the subworkflow that it is in, and all that is
        in what is done again; of the subworkflows around it only what waits for it.
        """
        around = _around(node_id)
        found = {node_id, *around}
        for each in self.nodes:  # each comes after what it needs and what it is in
            if found & {*each.needs, *(_around(each.id) - around)}:
                found.add(each.id)
        return frozenset(found)


def _around(node_id: str) -> frozenset[str]:
    """Return the subworkflows that a node is in."""
    return frozenset(node_id[:at] for at, sign in enumerate(node_id) if sign == ".")


KEPT = 64
"""Layouts that are kept: the same specs are looked at again and again."""

_known: dict[str, Layout] = {}


def layout_of(spec: Mapping[str, Any], digest: str) -> Layout:
    """Return the layout of a stored spec; it takes milliseconds, so better in a thread."""
    found = _known.get(digest)
    if found is None:
        while len(_known) >= KEPT:
            _known.pop(next(iter(_known)), None)
        found = _known[digest] = Layout(Spec.model_validate(spec))
    return found


def _told(spec: Spec) -> Iterator[Drawn]:
    """Yield the notices, which come after everything."""
    needs = graph.needs(spec)
    last = sorted(needs.keys() - frozenset[str]().union(*needs.values()))
    for name, notice in spec.notices:
        yield Drawn(name, "notification", notice.title or "", tuple(last))


def _drawn(spec: Spec, prefix: str) -> Iterator[Drawn]:
    needs = graph.needs(spec)
    for node_id in graph.order(spec):
        node = spec.node(node_id)
        waits = tuple(f"{prefix}{each}" for each in sorted(needs[node_id]))
        yield Drawn(f"{prefix}{node_id}", str(node.kind), node.title or "", waits)
        if isinstance(node, Subworkflow) and isinstance(node.workflow, Spec):
            yield from _drawn(node.workflow, f"{prefix}{node_id}.")
