"""Which notebooks have to be there when a run starts, so that a missing one is told before.

Nothing is asked of one that something before it may still make, a person or the time included, of
one that may be skipped, or of one that is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.models import (
    Analysis,
    AnyNode,
    Decision,
    Map,
    Notebook,
    Notification,
    Processing,
    Spec,
    Subworkflow,
    Work,
)
from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.references import Place, shown

Found = tuple[Place, str]


def notebooks_of(spec: Spec, place: Place = ()) -> Iterator[Found]:
    """Yield where each notebook is named that has to be there from the start, and its path."""
    needed = graph.needs(spec)
    nodes = {node.id: node for node in spec.nodes}
    chosen = {each for node in spec.nodes for each in graph.following(node)}
    sure: set[str] = set()
    for name in graph.order(spec):
        before = [nodes[each] for each in needed[name]]
        runs = nodes[name].when is None and name not in chosen
        if runs and needed[name] <= sure and all(map(_makes_nothing, before)):
            sure.add(name)
    for index, node in enumerate(spec.nodes):
        if node.id in sure:
            yield from _of(node, (*place, "nodes", index))


def missing(found: Iterable[Found], gone: Iterable[str]) -> Iterator[Problem]:
    """Yield what is wrong with those of the notebooks that are not there."""
    names = set(gone)
    for place, path in found:
        if path in names:
            told = f"There is no notebook {path[:80]!a}."
            remedy = "Correct the path, or name the node that makes it in 'needs'."
            yield Problem(shown(place), told, remedy)


def _of(work: Work | AnyNode, place: Place) -> Iterator[Found]:
    if work.retry is not None and work.retry.attempts > 1:
        return
    if isinstance(work, Notebook) and "${" not in work.path:
        yield (*place, "path"), work.path
    elif isinstance(work, Map) and isinstance(work.over, list) and work.over:
        yield from _of(work.node, (*place, "node"))
    elif isinstance(work, Subworkflow) and isinstance(work.workflow, Spec):
        yield from notebooks_of(work.workflow, (*place, "workflow"))


def _makes_nothing(work: AnyNode) -> bool:
    """Return whether no file can come to be by a node, or while it waits."""
    if isinstance(work, Processing):
        return work.code is None
    if isinstance(work, Analysis):
        return work.tool is None
    return isinstance(work, Decision | Notification)
