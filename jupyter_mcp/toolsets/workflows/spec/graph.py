"""The graph of a spec: what each node needs, in which order they can run, and what excludes what.

A node needs what it says, what it refers to, and the decisions whose branches name it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, Decision, Spec
from jupyter_mcp.toolsets.workflows.spec.uses import nodes_used

Needs = Mapping[str, frozenset[str]]


def needs(spec: Spec) -> dict[str, frozenset[str]]:
    """Return the nodes that each node waits for, by id.

    Those that there are not are left out, and so is the node itself: `check` tells of both.
    """
    found: dict[str, set[str]] = {node.id: set() for node in spec.nodes}
    for node in spec.nodes:
        found[node.id] |= {*node.needs, *nodes_used(node)}
        for named in following(node):
            if named in found:
                found[named].add(node.id)
    return {node: frozenset((each & found.keys()) - {node}) for node, each in found.items()}


def following(node: AnyNode) -> frozenset[str]:
    """Return the nodes that a decision names in its branches; none for other nodes."""
    return frozenset(each for names in branches(node).values() for each in names)


def branches(node: AnyNode) -> dict[str, tuple[str, ...]]:
    """Return the nodes that each branch of a decision names; none for other nodes."""
    if not isinstance(node, Decision):
        return {}
    found = {branch.name: branch.next for branch in node.branches}
    if node.otherwise is not None:
        found[node.otherwise.name] = node.otherwise.next
    return found


def order(spec: Spec) -> list[str]:
    """Return the ids of the nodes, each after what it needs, and otherwise sorted.

    The same spec always gives the same order. Nodes on a cycle are left out: `check` names it.
    """
    waits = {node: set(each) for node, each in needs(spec).items()}
    after: dict[str, list[str]] = {node: [] for node in waits}
    for node, each in waits.items():
        for need in each:
            after[need].append(node)
    ready = [node for node, each in waits.items() if not each]
    heapq.heapify(ready)
    found = []
    while ready:
        node = heapq.heappop(ready)
        found.append(node)
        for next_node in after[node]:
            waits[next_node].discard(node)
            if not waits[next_node]:
                heapq.heappush(ready, next_node)
    return found


def cycle(needed: Needs) -> list[str]:
    """Return one cycle, its first node again at its end, each before what waits for it."""
    done: set[str] = set()
    for start in sorted(needed):
        found = _cycle_from(start, needed, done)
        if found:
            return found
    return []


def _cycle_from(start: str, needed: Needs, done: set[str]) -> list[str]:
    trail: list[str] = []
    waiting = [(start, iter(sorted(needed[start])))] if start not in done else []
    on_trail = {start}
    while waiting:
        node, rest = waiting[-1]
        if not trail or trail[-1] != node:
            trail.append(node)
        need = next(rest, None)
        if need is None:
            waiting.pop()
            trail.pop()
            on_trail.discard(node)
            done.add(node)
        elif need in on_trail:
            found = [*trail[trail.index(need) :], need]
            return found[::-1]
        elif need not in done:
            on_trail.add(need)
            waiting.append((need, iter(sorted(needed[need]))))
    return []


Guard = Mapping[str, frozenset[str]]
"""The branches in which a node runs, by the id of their decision."""


@dataclass(frozen=True, slots=True)
class Branches:
    """What the decisions of a spec leave of it.

    Args:
        guards: In which branches each node runs; nothing of a decision that is no matter to it.
        direct: The same by what the branches themselves name.
    """

    guards: Mapping[str, Guard]
    direct: Mapping[str, Guard]

    def exclude(self, node: str, other: str) -> str | None:
        """Return the decision after which a node runs only if the other cannot; None if both can.

        A node that no branch names may wait for several of them: it joins them again.
        """
        mine, theirs = self.direct.get(node, {}), self.guards.get(other, {})
        for decision in sorted(mine.keys() & theirs.keys()):
            if not mine[decision] & theirs[decision]:
                return decision
        return None


def branched(spec: Spec) -> Branches:
    """Return what the decisions of a spec, which has no cycle, leave of it."""
    needed = needs(spec)
    direct: dict[str, dict[str, frozenset[str]]] = {node.id: {} for node in spec.nodes}
    for node in spec.nodes:
        for name, named in branches(node).items():
            for each in named:
                if each in direct:
                    before = direct[each].get(node.id, frozenset())
                    direct[each][node.id] = before | {name}
    own_way = {node.id for node in spec.nodes if node.when is not None}
    guards: dict[str, Guard] = {}
    for node_id in order(spec):
        inherited = () if node_id in own_way else needed[node_id]
        guards[node_id] = _guard(direct[node_id], [guards[each] for each in inherited])
    return Branches(guards, direct)


def _guard(direct: Guard, inherited: Iterable[Guard]) -> Guard:
    found = dict(direct)
    before = list(inherited)
    for decision in set.intersection(*(set(each) for each in before)) if before else ():
        names = frozenset[str]().union(*(each[decision] for each in before))
        found[decision] = found.get(decision, names) & names
    return found
