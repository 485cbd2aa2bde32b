"""The state of one spec while it runs: what has ended, what may begin, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.outcome import Outcome
from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.arguments import parameter_problems, with_defaults
from jupyter_mcp.toolsets.workflows.spec.expressions import compile_expression
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, Spec, SubworkflowNode
from jupyter_mcp.toolsets.workflows.spec.problems import refuse


@dataclass(frozen=True)
class Flow:
    """A spec and where it stands.

    Args:
        run: The run's identifier.
        prefix: What stands before the ids of its nodes in records: empty, or ``sub.``.
        spec: What is run; templates of subworkflows are put in already.
        parameters: Its parameters.
        ended: How nodes ended, by id; grows while it runs.
    """

    run: str
    prefix: str
    spec: Spec
    parameters: Mapping[str, Any]
    ended: dict[str, Outcome] = field(default_factory=dict)

    @cached_property
    def needs(self) -> Mapping[str, frozenset[str]]:
        """What each node waits for."""
        return graph.needs(self.spec)

    @cached_property
    def order(self) -> list[str]:
        """The ids of the nodes, each after what it needs; always the same."""
        return graph.order(self.spec)

    @cached_property
    def _deciders(self) -> Mapping[str, tuple[AnyNode, ...]]:
        """The decisions whose branches name a node."""
        decisions = [node for node in self.spec.nodes if graph.following(node)]
        return {
            node: tuple(each for each in decisions if node in graph.following(each))
            for node in self.order
        }

    def inner(self, node: SubworkflowNode, parameters: Mapping[str, Any]) -> Flow:
        """Return the flow of a subworkflow, with defaults for what it is not given."""
        if isinstance(node.workflow, str):  # the server puts specs in before a run starts
            raise TypeError(f"The template '{node.workflow}' was not put in.")
        given = with_defaults(node.workflow, parameters)
        return Flow(self.run, f"{self.prefix}{node.id}.", node.workflow, given)

    def check(self) -> None:
        """Compare its parameters with what it declares: references were only as good as known.

        Raises:
            ToolError: ``invalid_arguments``; they do not fit.
        """
        if problems := list(parameter_problems(self.spec, self.parameters)):
            refuse(problems)

    def scope(self) -> dict[str, Any]:
        """Return what references and expressions see."""
        return {
            "parameters": self.parameters,
            "nodes": {node: outcome.in_scope() for node, outcome in self.ended.items()},
            "workflow": {"id": self.run, "name": self.spec.name},
        }

    @property
    def failure(self) -> str:
        """The id of the node that failed first; empty while none has."""
        failed = [(each.ended or 0, node) for node, each in self.ended.items() if _failed(each)]
        return min(failed)[1] if failed else ""

    def ready(self, begun: Mapping[str, Any]) -> Iterator[AnyNode]:
        """Yield the nodes whose needs have ended and that have not begun."""
        for node in self.order:
            if node not in self.ended and node not in begun and self.needs[node] <= set(self.ended):
                yield self.spec.node(node)

    def is_wanted(self, node: AnyNode) -> bool:
        """Whether a node runs, now that its needs have ended; otherwise it is skipped.

        Raises:
            ToolError: Its condition cannot be evaluated.
        """
        needed = [self.ended[each].status for each in sorted(self.needs[node.id])]
        if any(status in {"failed", "cancelled"} for status in needed):
            return False
        deciders = self._deciders[node.id]
        if deciders and not any(self._leads(decision, node.id) for decision in deciders):
            return False
        if node.when is not None:
            variables = ("parameters", "nodes", "workflow")
            return compile_expression(node.when, variables).is_true(self.scope())
        return not needed or any(status == "succeeded" for status in needed)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the nodes that succeeded, by id."""
        return {
            node: outcome.output
            for node, outcome in self.ended.items()
            if outcome.status == "succeeded"
        }

    def _leads(self, decision: AnyNode, node: str) -> bool:
        outcome = self.ended[decision.id]
        if outcome.status != "succeeded":
            return False
        return node in graph.branches(decision).get(outcome.output["branch"], ())


def _failed(outcome: Outcome) -> bool:
    return outcome.status == "failed"
