"""Runs that are done again, whole or from a node on: each a run of its own of the same spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_mcp.security import recorded
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.toolsets.workflows.engine.elements import kept_of
from jupyter_mcp.toolsets.workflows.engine.saga import has_parts
from jupyter_mcp.toolsets.workflows.engine.undoing import TAKING
from jupyter_mcp.toolsets.workflows.runs.layout import Layout
from jupyter_mcp.toolsets.workflows.runs.run import NewRun, NodeState, Run
from jupyter_mcp.toolsets.workflows.spec.models import Map


def again(
    before: Run,
    principal: Principal,
    layout: Layout,
    nodes: Mapping[str, NodeState],
    without: frozenset[str],
) -> NewRun:
    """Return a run that begins with what the nodes of an earlier one have done.

    It does no more than before, whoever wants it: an agent's workflow does not become a person's
    by their click.

    Args:
        before: The earlier run.
        principal: Who wants it.
        layout: The nodes of its spec.
        nodes: What is known of them, with their memos.
        without: Those that are done again although they have succeeded.
    """
    not_kept = without | _undone(layout, nodes)
    done = {
        each.id: nodes[each.id].output
        for each in layout.nodes
        if each.id in nodes
        and nodes[each.id].status == "succeeded"
        and layout.node(each.id) is not None
        and each.id not in not_kept
    }
    return NewRun(
        owner=before.owner,
        principal=_acting(before, principal),
        spec=before.spec,
        spec_hash=before.spec_hash,
        name=before.name,
        parameters=before.parameters,
        template=before.template,
        priority=before.priority,
        deduplication=before.deduplication,
        seeds=done,
        memos=_of_maps(layout, nodes, not_kept | done.keys()),
        parent=before.id,
        untrusted=before.untrusted,  # so are the outputs that it begins with
    )


def _is_taken_back(layout: Layout, nodes: Mapping[str, NodeState]) -> bool:
    """Return whether the run began to take back what was done."""
    has_failed = any(state.status == "failed" for state in nodes.values())
    return has_failed and layout.spec.on_failure != "stop"


def _of_maps(
    layout: Layout,
    nodes: Mapping[str, NodeState],
    without: frozenset[str],
) -> dict[str, Any]:
    """Return what maps that have not ended well have done of their elements.

    Where elements may have been taken back nobody knows which, so such a map begins anew.
    """
    is_taken_back = _is_taken_back(layout, nodes)
    found: dict[str, Any] = {}
    for name in sorted(nodes, key=len):  # what is in an element comes after its map
        state, node = nodes[name], layout.part(name)
        if name in without or not isinstance(node, Map) or not state.memo:
            continue
        if any(each not in found for each in _maps_around(name)):
            continue
        if not (is_taken_back and has_parts(node)):
            found[name] = kept_of(node, state.memo)
    return found


def _maps_around(name: str) -> list[str]:
    """Return the maps in whose elements a node is."""
    return [name[:at] for at, sign in enumerate(name) if sign == "["]


def _undone(layout: Layout, nodes: Mapping[str, NodeState]) -> frozenset[str]:
    """Return what is done again whatever it was: what was taken back, and what waits for it.

    So is a node of which nobody knows that, because it was cut off: what it did may be gone.
    Of a map some elements may have been taken back although it stands as done: the run was
    cancelled meanwhile, or one of them could not be.
    """
    back = [
        node
        for node, state in nodes.items()
        if state.status == "compensated" or state.progress == TAKING
    ]
    if _is_taken_back(layout, nodes):
        maps = {name: layout.node(name) for name in nodes}
        back += [name for name, node in maps.items() if isinstance(node, Map) and has_parts(node)]
    return frozenset[str]().union(*(layout.after(node) for node in back))


def _acting(before: Run, principal: Principal) -> Mapping[str, Any]:
    """Return who does a run again: as before, within the scopes of who wants that."""
    kept = recorded.from_json(before.principal)
    return recorded.to_json(replace(kept, scopes=kept.scopes & principal.scopes))
