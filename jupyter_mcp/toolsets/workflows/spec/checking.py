"""Checks what a spec means before it runs: its graph, its references, its expressions, its types.

All that is wrong is told at once, up to what anybody reads. Where a schema does not say, nothing is
wrong: a run tells then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.arguments import Arguments, parameter_problems
from jupyter_mcp.toolsets.workflows.spec.known import Known, Tools
from jupyter_mcp.toolsets.workflows.spec.literals import literal_problems
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, Map, Spec, Subworkflow, Work
from jupyter_mcp.toolsets.workflows.spec.models.nodes import MOST_NODES
from jupyter_mcp.toolsets.workflows.spec.problems import Problem
from jupyter_mcp.toolsets.workflows.spec.references import Place, nearest, shown
from jupyter_mcp.toolsets.workflows.spec.schemas import problems_of
from jupyter_mcp.toolsets.workflows.spec.uses import kind_of

DEEPEST = 5
"""How deep subworkflows may lie in each other."""

MOST_PROBLEMS = 200
"""Problems that are looked for: the nearest of 500 nodes, 50,000 times, takes half a minute."""


class Templates(Protocol):
    """What is known of templates of workflows."""

    def spec(self, name: str) -> Spec | None:
        """Return the spec of a template as ``name@version``; None if there is none."""
        ...


def check(
    spec: Spec,
    tools: Tools | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    templates: Templates | None = None,
    classes: Collection[str] | None = None,
    webhooks: Collection[str] | None = None,
) -> list[Problem]:
    """Return what is wrong with a spec, as far as anybody reads it; nothing if it can run.

    Args:
        spec: The spec.
        tools: What is known of the tools; None to ask nothing of them.
        parameters: What a run is started with; None to leave them aside.
        templates: What is known of templates; None to ask nothing of them.
        classes: The resource classes that there are; None to ask nothing of them.
        webhooks: Globs of the hosts that may be sent to; None to ask nothing of hosts.
    """
    look = _Check(tools, templates, classes, webhooks)
    found = list(islice(look.of(spec, (), 0), MOST_PROBLEMS))
    if parameters is not None:
        found += parameter_problems(spec, parameters)
    return list(dict.fromkeys(found))


class _Check:
    def __init__(
        self,
        tools: Tools | None,
        templates: Templates | None,
        classes: Collection[str] | None,
        webhooks: Collection[str] | None,
    ) -> None:
        self._tools = tools
        self._templates = templates
        self._classes = classes
        self._webhooks = webhooks
        self._nodes = 0

    def of(self, spec: Spec, place: Place, depth: int) -> Iterator[Problem]:
        """Yield what is wrong with a spec and all that is inside of it."""
        self._nodes += len(spec.nodes)
        if self._nodes > MOST_NODES:
            told = f"There are more than {MOST_NODES} nodes, those of subworkflows included."
            yield Problem(shown(place), told, "Start the rest as a workflow of its own.")
            return
        if wrong := problems_of(spec.parameters or {}):
            told = f"The parameters are no JSON Schema of an object: {wrong.rstrip('.')}."
            remedy = "Write {type: object, properties: {NAME: {type: string}}}."
            yield Problem(shown((*place, "parameters")), told, remedy)
            return
        yield from _graph_problems(spec, place)
        known = Known(spec, self._tools)
        for index, node in enumerate(spec.nodes):
            where = (*place, "nodes", index)
            yield from Arguments(known, node, where).problems()
            yield from literal_problems(node, where, self._webhooks)
            yield from self._resources(node, where)
            yield from self._inner(node, spec, where, depth)
        over = Known(spec, self._tools, is_over=True)
        for index, notice in enumerate(spec.notify):
            where = (*place, "notify", index)
            yield from Arguments(over, notice.work(), where).problems()
            yield from literal_problems(notice.work(), where, self._webhooks)

    def _resources(self, work: Work, place: Place) -> Iterator[Problem]:
        for index, name in enumerate(work.resources if self._classes is not None else ()):
            if name not in (self._classes or ()):
                told = f"There is no resource class '{name}'."
                near = nearest(name, sorted(self._classes or ()))
                remedy = f"{near} The setting workflow_places adds others."
                yield Problem(shown((*place, "resources", index)), told, remedy)
        if isinstance(work, Map):
            yield from self._resources(work.node, (*place, "node"))

    def _inner(self, work: Work, spec: Spec, place: Place, depth: int) -> Iterator[Problem]:
        if isinstance(work, Map):
            yield from self._inner(work.node, spec, (*place, "node"), depth)
        if not isinstance(work, Subworkflow):
            return
        where = (*place, "workflow")
        if depth + 1 > DEEPEST:
            told = f"Subworkflows lie more than {DEEPEST} deep in each other."
            yield Problem(shown(where), told, "Flatten them; one must not hold itself.")
            return
        if isinstance(work.workflow, Spec):
            yield from self.of(work.workflow, where, depth + 1)
            yield from parameter_problems(work.workflow, work.parameters, place, later=True)
        elif self._templates is not None:
            yield from self._template(work.workflow, work.parameters, place, depth)

    def _template(
        self, name: str, parameters: Mapping[str, Any], place: Place, depth: int
    ) -> Iterator[Problem]:
        found = self._templates.spec(name) if self._templates is not None else None
        if found is None:
            told = f"There is no template {name[:80]!a}."
            remedy = "Give one as name@version; workflow_template_list shows them."
            if "@" not in name:
                told = f"The template {name[:80]!a} is named without a version."
                remedy = "Write it as name@1.0.0; workflow_template_list shows the versions."
            yield Problem(shown((*place, "workflow")), told, remedy)
            return
        where = shown((*place, "workflow"))
        for problem in self.of(found, (), depth + 1):
            told = f"The template {name[:80]!a} is not right: {problem}"
            yield Problem(where, told)
        yield from parameter_problems(found, parameters, place, later=True)


def _graph_problems(spec: Spec, place: Place) -> Iterator[Problem]:
    yield from _twice(spec, place)
    ids = [node.id for node in spec.nodes]
    for index, node in enumerate(spec.nodes):
        yield from _unknown(node, ids, (*place, "nodes", index))
    circle = graph.cycle(graph.needs(spec))
    if circle:
        index = ids.index(circle[0])
        told = f"The nodes wait for each other: {' → '.join(circle)}."
        remedy = "Take out one of these needs or references."
        yield Problem(shown((*place, "nodes", index)), told, remedy)


def _twice(spec: Spec, place: Place) -> Iterator[Problem]:
    counted = Counter(node.id for node in spec.nodes)
    for index, node in enumerate(spec.nodes):
        if counted[node.id] > 1 and any(each.id == node.id for each in spec.nodes[:index]):
            told = f"There is another node '{node.id}'."
            yield Problem(shown((*place, "nodes", index, "id")), told, "Give each its own id.")


def _unknown(node: AnyNode, ids: Sequence[str], place: Place) -> Iterator[Problem]:
    named = [(("needs", index), each) for index, each in enumerate(node.needs)]
    if kind_of(node) == "decision":
        named += _named_by_branches(node)
    for where, each in named:
        if each == node.id:
            told = f"The node '{node.id}' waits for itself."
            yield Problem(shown((*place, *where)), told, "Take it out.")
        elif each not in ids:
            told = f"There is no node '{each}'."
            yield Problem(shown((*place, *where)), told, nearest(each, ids))


def _named_by_branches(node: AnyNode) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    for index, branch in enumerate(getattr(node, "branches", ())):
        found += [(("branches", index, "next", at), each) for at, each in enumerate(branch.next)]
    otherwise = getattr(node, "otherwise", None)
    if otherwise is not None:
        found += [(("otherwise", "next", at), each) for at, each in enumerate(otherwise.next)]
    return found
