"""An element of a map whose work is a subworkflow: a run within a run.

How many there are is not known before the map runs, so what their nodes have done is kept in the
map's memo and not in steps of the run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from jupyter_mcp.toolsets.workflows.engine.flow import Flow
from jupyter_mcp.toolsets.workflows.engine.recorder import Recorder
from jupyter_mcp.toolsets.workflows.engine.running import Notes, Running, Services
from jupyter_mcp.toolsets.workflows.spec.models import Spec, Subworkflow, SubworkflowNode


@dataclass(frozen=True, slots=True)
class Part:
    """What is run for an element: a flow whose only node is the subworkflow.

    Args:
        run: The run's identifier.
        made: The flow.
        seeds: Nothing; what is done is in the map's memo.
    """

    run: str
    made: Flow
    seeds: Mapping[str, Any] = field(default_factory=dict)

    def flow(self) -> Flow:
        """Return the flow."""
        return self.made


@dataclass(frozen=True)
class _Element(Flow):
    """A flow whose node sees what the map sees, and its element."""

    around: Mapping[str, Any] = field(default_factory=dict)

    def scope(self) -> dict[str, Any]:
        """Return what the references of the node see."""
        return dict(self.around)


def part_of(running: Running) -> Part:
    """Return what is run for an element of a map.

    Args:
        running: The element, whose work is a subworkflow.
    """
    work = cast("Subworkflow", running.work)
    fields = {name: getattr(work, name) for name in Subworkflow.model_fields}
    node = SubworkflowNode.model_construct(id=running.node, **fields)
    spec = Spec.model_construct(name=running.node, nodes=(node,), on_failure="stop")
    return Part(running.run, _Element(running.run, "", spec, {}, around=running.scope))


def inside(services: Services, part: Running) -> Services:
    """Return the services for an element: neither it nor a run tells of itself in them.

    Args:
        services: Those of the run.
        part: The element.
    """
    return replace(services, recorder=_Inside(services.recorder, part))


class NotedSteps:
    """Steps whose results are kept in notes.

    Args:
        notes: Where.
        part: What they are a part of.
    """

    def __init__(self, notes: Notes, part: str) -> None:
        self._notes = notes
        self._part = part
        self._done: dict[str, Any] = {}

    def reserve(self, name: str) -> NotedSlot:
        """Return the place of a step, which is its name."""
        return NotedSlot(name, self.keep)

    async def known(self) -> Mapping[str, dict[str, Any]]:
        """Return what is done already."""
        self._done = dict(await self._notes.read(self._part) or {})
        return self._done

    async def keep(self, name: str, result: dict[str, Any]) -> None:
        """Keep the result of a step."""
        self._done[name] = result
        await self._notes.keep(self._part, self._done)


class NotedSlot:
    """A step.

    Args:
        name: Its name.
        keep: Keeps its result.
    """

    def __init__(self, name: str, keep: Callable[[str, dict[str, Any]], Awaitable[None]]) -> None:
        self._name = name
        self._keep = keep

    async def run(self, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Do the step and keep what it returns."""
        result = await work()
        await self._keep(self._name, result)
        return result


class _Inside:
    """The recorder of a run within a run, which is no run of its own."""

    def __init__(self, recorder: Recorder, part: Running) -> None:
        self._recorder = recorder
        self._part = part

    def run(self, run: str, **columns: Any) -> None:
        """The outer run tells of itself, and the element whether all of it waits."""
        if "status" in columns:
            self._part.tell(status=columns["status"])
        elif columns.keys() == {"reason"}:
            self._recorder.run(run, **columns)

    def node(self, run: str, node: str, **columns: Any) -> None:
        """Only its nodes tell; of the element itself the map does, with what they say."""
        if node == self._part.node:
            return
        self._recorder.node(run, node, **columns)
        if "progress" in columns:
            self._part.tell(progress=columns["progress"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)
