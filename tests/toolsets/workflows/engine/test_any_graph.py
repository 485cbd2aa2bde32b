"""Whatever the graph, whatever fails, and wherever it is killed: each run ends as it has to.

The steps are kept in memory here, so that hundreds of graphs can be killed at any moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mcp.toolsets.workflows.engine.interpreter import Interpreter
from jupyter_mcp.toolsets.workflows.engine.kinds import KINDS
from jupyter_mcp.toolsets.workflows.engine.order import Order
from jupyter_mcp.toolsets.workflows.engine.running import Services
from jupyter_mcp.toolsets.workflows.spec import graph
from jupyter_mcp.toolsets.workflows.spec.models import Spec
from jupyter_mcp.toolsets.workflows.states import ENDED
from support.flows import Json, Ledger, Toolbox, action, done, failed

FINAL = {"succeeded", "failed", "skipped", "cancelled", "compensated"}


class KeptSteps:
    """Steps that outlive the interpreter, as those in a database do."""

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}
        self.names: list[str] = []

    def reserve(self, name: str) -> KeptSlot:
        """Return the next place."""
        self.names.append(name)
        return KeptSlot(name, self.kept)

    async def known(self) -> Mapping[str, Json]:
        """Return what is done."""
        return dict(self.kept)


class KeptSlot:
    """A step; what it returns is kept after a while, in which a kill may come."""

    def __init__(self, name: str, kept: dict[str, Json]) -> None:
        self._name = name
        self._kept = kept

    async def run(self, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do it once."""
        if self._name not in self._kept:
            result = await work()
            await asyncio.sleep(0)
            self._kept[self._name] = result
        return self._kept[self._name]


@st.composite
def specs(draw: st.DrawFn, depth: int = 0) -> Json:
    """Return any spec of a few nodes."""
    nodes: list[Json] = []
    for index in range(draw(st.integers(1, 6))):
        earlier = [node["id"] for node in nodes]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        nodes.append({"id": f"n{index}", "needs": needs, **draw(_works(depth, earlier))})
    for node in nodes:
        if node["kind"] == "decision":
            later = [each["id"] for each in nodes if each["id"] > node["id"]]
            chosen = st.lists(st.sampled_from(later), unique=True) if later else st.just([])
            node["branches"] = [
                {
                    "name": "yes",
                    "when": draw(st.sampled_from(["true", "false"])),
                    "next": draw(chosen),
                }
            ]
            node["otherwise"] = {"name": "no", "next": draw(chosen)}
    return {
        "name": "any",
        "nodes": nodes,
        "on_failure": draw(st.sampled_from(["compensate", "compensate", "stop"])),
        "notify": draw(st.lists(_notices(), max_size=2)),
    }


@st.composite
def _notices(draw: st.DrawFn) -> Json:
    states = st.sampled_from(["failed", "compensated", "succeeded"])
    on = {"on": draw(st.lists(states, min_size=1, unique=True))} if draw(st.booleans()) else {}
    body = "${workflow.status} ${workflow.error.message} ${nodes.n0.output.nothing}"
    return {"channel": "panel", "body": body, **on}


@st.composite
def _works(draw: st.DrawFn, depth: int, earlier: list[str]) -> Json:
    kinds = ["action", "action", "action", "map", "decision", "wait"]
    kind = draw(st.sampled_from(kinds + ["subworkflow", "subworkflow", "each"] * (depth < 2)))
    fields: Json = {}
    if earlier and draw(st.booleans()):
        fields["when"] = f"nodes.{draw(st.sampled_from(earlier))}.status == 'succeeded'"
    if draw(st.booleans()):
        fields["compensate"] = {"tool": "undo"}
    slow = {"slow": draw(st.integers(0, 3))}
    if kind == "action":
        tool = draw(st.sampled_from(["do", "do", "do", "do", "flaky", "flaky", "fail"]))
        return {"kind": "action", "tool": tool, "arguments": slow, **fields}
    if kind == "map":
        part = {"kind": "action", "tool": "do", "arguments": slow, "compensate": {"tool": "undo"}}
        return {"kind": "map", "over": [1, 2], "node": part, **fields}
    if kind in {"subworkflow", "each"}:
        retry = {"attempts": draw(st.integers(1, 3)), "delay": draw(st.sampled_from([0, 0.001]))}
        fields |= {"retry": retry}
    if kind == "subworkflow":
        return {"kind": "subworkflow", "workflow": draw(specs(depth=depth + 1)), **fields}
    if kind == "each":
        inner = {"kind": "subworkflow", "workflow": draw(specs(depth=depth + 1))}
        inner |= {"retry": {"attempts": draw(st.integers(1, 2)), "delay": 0}}
        return {"kind": "map", "over": [1, 2], "node": inner, **fields}
    if kind == "wait":
        return {"kind": "wait", "seconds": draw(st.sampled_from([0, 0.001])), **fields}
    return {"kind": "decision", **fields}


class KeyedTools(Toolbox):
    """Tools that are told their key."""

    async def call(self, run: str, tool: str, arguments: Json, **more: Any) -> Mapping[str, Any]:
        """Call a tool."""
        return await super().call(run, tool, {**arguments, "key": more["key"]}, **more)


def _is_again(key: str) -> bool:
    """Whether a key says that there was a failure before."""
    return key.rpartition(":")[2].isdigit()


def _name(key: str) -> str:
    """Return the node of a key."""
    return (key.rpartition(":")[0] if _is_again(key) else key).removeprefix("r:")


class World:
    """What a run works on: effects that are done once for each key, in their order."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        tools = {"do": self._do, "fail": self._fail, "flaky": self._flaky}
        tools |= {"undo": lambda _: done(), "workflow_notify": lambda _: done()}
        self.toolbox = KeyedTools(tools)
        self.steps = KeptSteps()

    async def _slow(self, arguments: Json) -> None:
        for _ in range(arguments.get("slow", 0)):
            await asyncio.sleep(0)

    async def _do(self, arguments: Json) -> Json:
        await self._slow(arguments)
        return done(ok=True)

    async def _fail(self, arguments: Json) -> Json:
        await self._slow(arguments)
        return failed("No.")

    async def _flaky(self, arguments: Json) -> Json:
        await self._slow(arguments)
        return done(ok=True) if _is_again(arguments["key"]) else failed("Not yet.")

    @property
    def effects(self) -> list[tuple[str, str]]:
        """Tool and key of all that was done, in its order."""
        return [(each.tool, each.key) for each in self.toolbox.finished]

    @property
    def done(self) -> list[str]:
        """The nodes that have had their effect."""
        return [
            _name(key)
            for tool, key in self.effects
            if tool == "do" or (tool == "flaky" and _is_again(key))
        ]

    async def run(self, spec: Json, kills: list[int]) -> Json:
        """Run a spec; it is killed after so many turns of the loop, and taken up again."""
        for turns in [*kills, None]:
            services = Services(self.toolbox, self.ledger, KINDS)
            self.steps.names.clear()
            task = asyncio.create_task(Interpreter(Order("r", spec), self.steps, services).run())
            if turns is None:
                return await asyncio.wait_for(task, 20)
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.done():
                return task.result()
            task.cancel()
            await asyncio.wait([task])
        raise AssertionError


def _flat(spec: Spec, prefix: str = "") -> dict[str, Any]:
    """Return all nodes by the names of their records, those of a map's elements too."""
    found: dict[str, Any] = {}
    for node in spec.nodes:
        found[prefix + node.id] = node
        if node.kind == "subworkflow":
            found |= _flat(node.workflow, f"{prefix}{node.id}.")  # type: ignore[arg-type]
        elif node.kind == "map":
            for index in (0, 1):
                found[f"{prefix}{node.id}[{index}]"] = node.node
                if node.node.kind == "subworkflow":
                    within = f"{prefix}{node.id}[{index}]."
                    found |= _flat(node.node.workflow, within)  # type: ignore[arg-type]
    return found


def _needs(spec: Spec, prefix: str = "") -> dict[str, set[str]]:
    found = {
        prefix + node: {prefix + need for need in each} for node, each in graph.needs(spec).items()
    }
    for node in spec.nodes:
        if node.kind == "subworkflow":
            found |= _needs(node.workflow, f"{prefix}{node.id}.")  # type: ignore[arg-type]
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs(), kills=st.lists(st.integers(1, 60), max_size=3))
def test_every_run_ends_with_every_node_in_a_final_state(spec: Json, kills: list[int]) -> None:
    world = World()
    result = asyncio.run(world.run(spec, kills))
    parsed = Spec.model_validate(spec)
    nodes, needs = _flat(parsed), _needs(parsed)
    told = {node: columns for (_, node), columns in world.ledger.nodes.items() if "[" not in node}
    assert result["status"] in ENDED
    assert world.ledger.status("r") == result["status"]
    assert set(told) == {node for node in nodes if "[" not in node}
    assert {columns["status"] for columns in told.values()} <= FINAL
    _check_needs(told, needs)
    failures = [node for node, columns in told.items() if columns["status"] == "failed"]
    assert bool(failures) == (result["status"] in {"failed", "compensated"})
    assert len(world.done) == len(set(world.done)), "an effect was doubled"
    _check_saga(world, result, parsed, nodes)
    _check_notices(world, result, parsed)


def _check_needs(told: Mapping[str, Json], needs: Mapping[str, set[str]]) -> None:
    for node, columns in told.items():
        if columns.get("started") is not None:
            for need in needs[node]:
                before = told[need]
                assert before["status"] not in {"failed", "cancelled"}
                if before.get("ended") is not None:
                    assert before["ended"] <= columns["started"] + 1e-6


def _check_saga(world: World, result: Json, spec: Spec, nodes: Mapping[str, Any]) -> None:
    undone = [key.partition(":undo:")[2] for tool, key in world.effects if tool == "undo"]
    assert len(undone) == len(set(undone)), "something was taken back twice"
    if result["status"] not in {"failed", "compensated"} or spec.on_failure == "stop":
        assert undone == []
        return
    told = {node: columns for (_, node), columns in world.ledger.nodes.items()}
    wanted = {
        name
        for name, node in nodes.items()
        # A node that was taken back and one that only stands there are told apart by its spec.
        if node.compensate is not None
        and told.get(name, {}).get("status") in {"succeeded", "compensated"}
    }
    repeated = {name for name in world.done if name.endswith("]")}
    assert set(undone) == wanted | repeated
    done_for_good = {name for name in world.done if nodes[name].compensate}
    assert done_for_good <= set(undone), "an effect was left behind"
    ends = [told[name.partition("[")[0]]["ended"] for name in undone]
    assert ends == sorted(ends, reverse=True)


def _check_notices(world: World, result: Json, spec: Spec) -> None:
    sent = [call for call in world.toolbox.finished if call.tool == "workflow_notify"]
    due = {name for name, notice in spec.notices if result["status"] in notice.on}
    assert sorted(call.key for call in sent) == sorted(f"r:{name}" for name in due)
    for call in sent:
        message = (result.get("error") or {}).get("message", "")
        assert call.arguments["body"] == f"{result['status']} {message} null"
    for name, _ in spec.notices:
        assert world.ledger.status("r", name) == ("succeeded" if name in due else "skipped")


@pytest.mark.parametrize("where", ["sub", "sub[0]"])
def test_what_may_have_been_at_work_when_a_failed_run_was_killed_is_taken_back(where: str) -> None:
    """The failure is kept, and of the other node nobody knows whether it has done its work."""
    slow = action("slow", "do", arguments={"slow": 40}, compensate={"tool": "undo"})
    inner = {"name": "s", "nodes": [slow, action("plain", "do", arguments={"slow": 40})]}
    sub: Json = {"kind": "subworkflow", "workflow": inner}
    if where == "sub[0]":
        sub = {"kind": "map", "over": [1], "node": sub}
    nodes = [{"id": "sub", **sub}, action("bad", "fail")]
    world = World()
    result = asyncio.run(world.run({"name": "x", "nodes": nodes}, [20]))
    assert "bad" in world.steps.kept
    assert result["status"] == "compensated"
    assert world.effects == [
        ("fail", "r:bad"),
        ("do", f"r:{where}.slow"),
        ("undo", f"r:undo:{where}.slow"),
    ]


def test_what_waits_for_what_was_taken_back_is_not_begun_after_a_kill() -> None:
    """While things are taken back nothing was at work, so nothing is done again for that."""
    undo = {"compensate": {"tool": "undo"}}
    slow = action("slow", "do", arguments={"slow": 40}, **undo)
    later = action("later", "do", needs=["slow"], **undo)
    spec = {"name": "x", "nodes": [slow, later, action("bad", "fail")]}
    for turns in range(1, 80):
        world = World()
        result = asyncio.run(world.run(spec, [20, turns]))
        assert result["status"] == "compensated"
        undone = [key.removeprefix("r:undo:") for tool, key in world.effects if tool == "undo"]
        assert undone == world.done[::-1], turns


def test_places_of_steps_are_always_the_same() -> None:
    spec = {
        "name": "x",
        "nodes": [
            action("b", compensate={"tool": "undo"}),
            {"id": "a", "kind": "subworkflow", "workflow": {"name": "s", "nodes": [action("z")]}},
            action("c", needs=["a"]),
        ],
    }
    orders = []
    for seed in range(5):
        nodes = list(spec["nodes"])
        random.Random(seed).shuffle(nodes)
        world = World()
        asyncio.run(world.run({**spec, "nodes": nodes}, []))
        orders.append(world.steps.names)
    assert orders == [["a.z", "a", "b", "undo:b", "c", "undo:"]] * 5
