"""The flows of one run: its own and those of its subworkflows, and what is known of their nodes.

Here is what follows from what has ended, also after a crash: what is done, what may begin, what is
skipped, what may have been at work. What is done about it is the interpreter's.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.engine.outcome import Ended, Outcome, told
from jupyter_mcp.toolsets.workflows.engine.running import Running, Services
from jupyter_mcp.toolsets.workflows.engine.saga import is_compensated
from jupyter_mcp.toolsets.workflows.engine.trial import Trial
from jupyter_mcp.toolsets.workflows.spec.models import AnyNode, SubworkflowNode


class Flows:
    """The flows of a run.

    Args:
        run: The run's identifier.
        inner: Those of subworkflows, by the names of their nodes.
        services: What all runs share.
        around: The element of a map that the run is; None for a run of its own.
    """

    def __init__(
        self, run: str, inner: dict[str, Flow], services: Services, around: Running | None
    ) -> None:
        self._run = run
        self._services = services
        self._failed = Counter[str]() if around is None else around.failed
        self._doubtful: set[str] = set()
        self.inner = inner
        self.known: dict[str, dict[str, Any]] = {}
        self.whole = Trial(() if around is None else around.turn, is_last=around is None)
        self.trials: dict[str, Trial] = {}
        if around is not None and around.over is not None:
            self.whole.follow(around.over)

    def note(self, flow: Flow, node: str, outcome: Outcome) -> None:
        """Note how a node has ended, and tell it."""
        flow.ended[node] = outcome
        if outcome.status == "failed":
            self.trial(flow).end()
        self.record(flow.prefix + node, outcome)

    def record(self, node: str, outcome: Outcome) -> None:
        """Tell how something has ended, by the name of its record."""
        self._services.recorder.node(self._run, node, **outcome.to_json())

    def subject(self, flow: Flow, node: AnyNode) -> Running:
        """Return a node as something that runs."""
        made = Running(flow.run, flow.prefix + node.id, node, flow.scope(), self._services)
        trial = self.trial(flow)
        made.failed, made.turn, made.over = self._failed, trial.turn, trial.over
        return made

    def recall(self, flow: Flow) -> None:
        """Take what is done already as it was kept."""
        for node_id in flow.order if self.known else ():
            kept = self.known.get(flow.prefix + node_id)
            if kept is not None:
                self.note(flow, node_id, Outcome.from_json(kept))
        for node in map(flow.spec.node, flow.order if self.known else ()):
            if node.id not in flow.ended and flow.needs[node.id] <= flow.ended.keys():
                self.is_wanted(flow, node)  # that it was skipped was not kept
            if isinstance(node, SubworkflowNode):
                self._recall_inner(flow, node)

    def _recall_inner(self, flow: Flow, node: SubworkflowNode) -> None:
        """The same for a subworkflow, which may have to be taken back though it never ended."""
        within = f"{flow.prefix}{node.id}."
        before = [each for each in self.inner.values() if each.prefix.startswith(within)]
        is_new = not any(each.ended for each in before)
        if is_new and not any(each.startswith(within) for each in self.known):
            return
        parameters: Mapping[str, Any] = {}
        with contextlib.suppress(ToolError):  # the failure of its node, if that comes to its turn
            parameters = self.subject(flow, node).field("parameters")
        inner = self.inner[flow.prefix + node.id] = flow.inner(node, parameters)
        self.recall(inner)

    def is_wanted(self, flow: Flow, node: AnyNode) -> bool:
        """Whether a node runs, now that its needs have ended; otherwise it has ended, too."""
        try:
            if flow.is_wanted(node):
                return True
            self.note(flow, node.id, Outcome("skipped"))
        except ToolError as error:
            self.note(flow, node.id, Outcome("failed", error=told(error)))
        return False

    def doubt(self, flow: Flow) -> None:
        """Find the nodes that may have been at work when a worker died in a run that had failed.

        What they did has to be taken back, so they are done again: a call that was done gives its
        answer, by its key.
        """
        if self.whole.over.done():
            self._doubt(flow)

    def _doubt(self, flow: Flow) -> bool:
        found = False
        for node in flow.ready({}):
            name = flow.prefix + node.id
            inner = self.inner.get(name)
            has_parts = inner is not None and self._doubt(inner)
            if has_parts or is_compensated(node):
                self._doubtful.add(name)
                found = True
        return found

    def settle(self, flow: Flow) -> None:
        """Say that subworkflows have failed whose failure was known when the run was taken up."""
        for node in flow.spec.nodes:
            inner = self.inner.get(flow.prefix + node.id)
            if inner is not None and node.id not in flow.ended:
                self.settle(inner)
                if inner.failure:
                    self.note(flow, node.id, Outcome("failed", error=why(inner)))

    def trial(self, flow: Flow) -> Trial:
        """Return what ends when a node of a flow fails."""
        return self.trials.get(flow.prefix, self.whole)

    def close(self, flow: Flow, status: Ended) -> None:
        """Say of nodes that have not ended, and never will, how they stand."""
        for each in (flow, *self.inner.values()):
            for node in each.order:
                if node not in each.ended:
                    self.note(each, node, Outcome(status))

    def ready(self, flow: Flow, begun: Mapping[str, Any]) -> list[AnyNode]:
        """Return the nodes that may begin, were it not for a pause."""
        ready = list(flow.ready(begun))
        if not self.trial(flow).over.done():
            return ready
        return [node for node in ready if flow.prefix + node.id in self._doubtful]


def why(flow: Flow) -> dict[str, str]:
    """Return why a flow failed, with the node that did first."""
    return {**(flow.ended[flow.failure].error or {}), "node": flow.failure}
