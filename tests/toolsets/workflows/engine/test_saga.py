"""Failures: what is tried again, what is taken back, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.undoing import TAKING
from support.flows import Bench, Toolbox, action, bench, done, failed


def _undone(node: str, **fields: Any) -> dict[str, Any]:
    undo = {"tool": "undo", "arguments": {"what": f"${{nodes.{node}.output.id}}"}}
    return action(node, arguments={"id": node}, compensate=undo, **fields)


async def test_what_was_done_is_taken_back_in_reverse_order(flows: Bench) -> None:
    flows.toolbox.tools["undo"] = lambda arguments: done(**arguments)
    ended = await flows.run(
        [
            _undone("a"),
            _undone("b", needs=["a"]),
            action("plain", needs=["b"]),
            _undone("c", needs=["plain"]),
            action("bad", "fail", needs=["c"]),
            action("never", needs=["bad"]),
        ]
    )
    assert ended.status == "compensated"
    assert ended.error is not None
    assert ended.error["node"] == "bad"
    assert [each.arguments["what"] for each in flows.toolbox.named("undo")] == ["c", "b", "a"]
    assert [each.key for each in flows.toolbox.named("undo")] == [
        f"{ended.run}:undo:{node}" for node in "cba"
    ]
    assert ended.nodes == {
        **dict.fromkeys("abc", "compensated"),
        "plain": "succeeded",
        "bad": "failed",
        "never": "skipped",
    }


async def test_a_spec_can_ask_to_only_stop(flows: Bench) -> None:
    nodes = [_undone("a"), action("bad", "fail", needs=["a"])]
    ended = await flows.run({"name": "x", "nodes": nodes, "on_failure": "stop"})
    assert (ended.status, ended.nodes["a"]) == ("failed", "succeeded")


async def test_a_compensation_that_fails_is_tried_and_told_and_stops_no_other(
    flows: Bench,
) -> None:
    def undo(arguments: dict[str, Any]) -> dict[str, Any]:
        return failed("Locked.") if arguments["what"] == "b" else done()

    flows.toolbox.tools["undo"] = undo
    ended = await flows.run(
        [_undone("a"), _undone("b", needs=["a"]), action("bad", "fail", needs=["b"])]
    )
    assert ended.status == "failed"
    assert ended.error is not None
    assert "could not all be taken back: 'b': Locked." in ended.error["message"]
    assert ended.nodes == {"a": "compensated", "b": "succeeded", "bad": "failed"}
    assert [each.arguments["what"] for each in flows.toolbox.named("undo")] == ["b"] * 3 + ["a"]


async def test_a_run_is_cancelled_while_it_takes_back(flows: Bench) -> None:
    undone = action("b", needs=["a"], compensate={"tool": "block"})
    flows.toolbox.tools["undo"] = lambda arguments: done(**arguments)
    nodes = [_undone("a"), undone, _undone("c", needs=["b"]), action("bad", "fail", needs=["c"])]
    run = await flows.begin(nodes)
    await flows.ledger.until(lambda: flows.toolbox.named("block"))
    flows.ledger.want(run, "cancelled")
    ended = await flows.end(run)
    assert ended.status == "cancelled"
    assert ended.error is not None
    assert ended.error["node"] == "bad"
    assert "cancelled before all that was done was taken back" in ended.error["message"]
    wanted = {"a": "succeeded", "b": "succeeded", "c": "compensated", "bad": "failed"}
    assert ended.nodes == wanted
    assert [each.tool for each in flows.toolbox.cancelled] == ["block"]
    assert [each.arguments["what"] for each in flows.toolbox.named("undo")] == ["c"]
    told = {node: flows.ledger.nodes[run, node].get("progress") for node in "abc"}
    assert told == {"a": None, "b": TAKING, "c": None}, "nobody knows what b has left"


async def test_a_run_says_what_is_taken_back_and_what_that_waits_for(tmp_path: Path) -> None:
    class Asking(Toolbox):
        """Tools of which one tells that a person has to approve it."""

        async def call(self, run: str, tool: str, arguments: Any, **more: Any) -> Any:
            if tool == "undo":
                await more["on_progress"](-300, None, "Waiting for approval.")
                more["on_wait"]("the Jupyter server is not running")
                more["on_wait"]("")
            return await super().call(run, tool, arguments, **more)

    async with bench(str(tmp_path / "w.db"), toolbox=Asking({"undo": lambda _: done()})) as flows:
        ended = await flows.run([_undone("a"), action("bad", "fail", needs=["a"])])
        told = [told["reason"] for _, node, told in flows.ledger.told if "reason" in told]
    now = "Taking back 'a'"
    assert [each for each in told if each] == [
        f"{now}.",
        f"{now}: Waiting for approval.",
        f"{now}: the Jupyter server is not running",
        f"{now}.",
    ]
    assert (ended.status, told[-1]) == ("compensated", "")


@pytest.mark.parametrize(
    ("waits", "told"),
    [
        (lambda tell, _: tell(-300, None, "Waiting for approval."), None),
        (lambda _, wait: wait("the Jupyter server is not running"), None),
        (lambda tell, _: tell(1, 2, "half"), TAKING),
    ],
)
async def test_what_only_waited_to_be_taken_back_is_known_to_be_there(
    tmp_path: Path, waits: Callable[[Any, Any], Awaitable[None] | None], told: Any
) -> None:
    class Waiting(Toolbox):
        """Tools of which one waits, or has begun, when somebody cancels the run."""

        async def call(self, run: str, tool: str, arguments: Any, **more: Any) -> Any:
            if tool == "block":
                found = waits(more["on_progress"], more["on_wait"])
                if found is not None:
                    await found
            return await super().call(run, tool, arguments, **more)

    async with bench(str(tmp_path / "w.db"), toolbox=Waiting()) as flows:
        undone = action("a", compensate={"tool": "block"})
        run = await flows.begin([undone, action("bad", "fail", needs=["a"])])
        await flows.ledger.until(lambda: flows.toolbox.named("block"))
        flows.ledger.want(run, "cancelled")
        assert (await flows.end(run)).nodes["a"] == "succeeded"
        assert flows.ledger.nodes[run, "a"]["progress"] == told


async def test_what_a_person_denied_is_not_asked_again(flows: Bench) -> None:
    flows.toolbox.tools["undo"] = lambda _: failed("ann did not allow 'undo'.", "denied")
    ended = await flows.run([_undone("a"), action("bad", "fail", needs=["a"])])
    assert len(flows.toolbox.named("undo")) == 1
    assert ended.error is not None
    assert "'a': ann did not allow 'undo'." in ended.error["message"]


async def test_what_is_at_work_when_another_fails_ends_and_is_taken_back(flows: Bench) -> None:
    ledger = flows.ledger

    async def held(arguments: dict[str, Any]) -> dict[str, Any]:
        [called] = flows.toolbox.named("held")
        await ledger.until(lambda: ledger.status(called.run, "rest") == "cancelled")
        return done(**arguments)

    flows.toolbox.tools |= {"held": held, "undo": lambda _: done()}
    ended = await flows.run(
        [
            action("slow", "held", compensate={"tool": "undo"}),
            action("bad", "fail"),
            {"id": "rest", "kind": "wait", "seconds": 3600},
            {"id": "ask", "kind": "approval", "message": "Go?"},
            action("after", needs=["slow"]),
        ]
    )
    assert ended.status == "compensated"
    assert ended.nodes == {
        "slow": "compensated",
        "bad": "failed",
        "rest": "cancelled",
        "ask": "cancelled",
        "after": "skipped",
    }


async def test_subworkflows_are_taken_back_by_the_failure_outside(flows: Bench) -> None:
    flows.toolbox.tools["undo"] = lambda _: done()
    inner = {"name": "inner", "nodes": [_undone("x"), _undone("y", needs=["x"])]}
    ended = await flows.run(
        [
            _undone("a"),
            {"id": "sub", "kind": "subworkflow", "workflow": inner, "needs": ["a"]},
            action("bad", "fail", needs=["sub"]),
        ]
    )
    assert ended.status == "compensated"
    assert [each.key.rpartition("undo:")[2] for each in flows.toolbox.named("undo")] == [
        "sub.y",
        "sub.x",
        "a",
    ]


async def test_elements_of_a_map_are_taken_back_those_done_only(flows: Bench) -> None:
    def make(arguments: dict[str, Any]) -> dict[str, Any]:
        return failed("Bad.") if arguments["n"] == 2 else done(**arguments)

    flows.toolbox.tools |= {"make": make, "undo": lambda _: done()}
    each = {
        "kind": "action",
        "tool": "make",
        "arguments": {"n": "${item}"},
        "compensate": {"tool": "undo", "arguments": {"n": "${item}"}},
    }
    ended = await flows.run([{"id": "each", "kind": "map", "over": [1, 2, 3], "node": each}])
    assert ended.status == "compensated"
    assert ended.nodes == {"each": "failed"}
    assert [call.arguments["n"] for call in flows.toolbox.named("undo")] == [3, 1]


async def test_subworkflows_in_a_map_are_taken_back_whole_whatever_failed(flows: Bench) -> None:
    def make(arguments: dict[str, Any]) -> dict[str, Any]:
        return failed("Bad.") if arguments["n"] == 2 and arguments["at"] == "y" else done()

    flows.toolbox.tools |= {"make": make, "undo": lambda _: done()}
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}}
    nodes = [
        action(
            name,
            "make",
            arguments={"n": "${parameters.n}", "at": name},
            compensate={"tool": "undo", "arguments": {"n": "${parameters.n}", "at": name}},
            needs=needs,
        )
        for name, needs in (("x", []), ("y", ["x"]))
    ]
    inner = {"name": "inner", "parameters": parameters, "nodes": nodes, "on_failure": "stop"}
    each = {"kind": "subworkflow", "workflow": inner, "parameters": {"n": "${item}"}}
    ended = await flows.run([{"id": "each", "kind": "map", "over": [1, 2, 3], "node": each}])
    assert ended.status == "compensated"
    told = [(call.arguments["n"], call.arguments["at"]) for call in flows.toolbox.named("undo")]
    assert told == [(3, "y"), (3, "x"), (2, "x"), (1, "y"), (1, "x")]
    assert flows.toolbox.named("undo")[0].key == f"{ended.run}:undo:each[2].y"
    assert ended.nodes["each[0].x"] == "compensated"
    assert ended.nodes["each[1].y"] == "failed"


async def test_maps_within_maps_are_taken_back_though_none_of_them_has_ended(flows: Bench) -> None:
    flows.toolbox.tools["undo"] = lambda _: done()
    nodes = [action("x", compensate={"tool": "undo"}), action("bad", "fail", needs=["x"])]
    inner = {"kind": "subworkflow", "workflow": {"name": "inner", "nodes": nodes}}
    middle = {"id": "in", "kind": "map", "over": [1], "node": inner}
    outer = {"kind": "subworkflow", "workflow": {"name": "middle", "nodes": [middle]}}
    ended = await flows.run([{"id": "out", "kind": "map", "over": [1, 2], "node": outer}])
    assert ended.status == "compensated"
    assert [each.key for each in flows.toolbox.named("undo")] == [
        f"{ended.run}:undo:out[{index}].in[0].x" for index in (1, 0)
    ]


async def test_a_compensation_after_a_crash_is_done_once(tmp_path: Path) -> None:
    """The engine is stopped in the middle of taking back; the next one goes on from there."""
    import asyncio

    arrived, gate = asyncio.Event(), asyncio.Event()

    async def undo(arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["what"] == "b":
            arrived.set()
            await gate.wait()
        return done()

    inner = {"name": "inner", "nodes": [_undone("x")]}
    async with bench(str(tmp_path / "w.db"), toolbox=Toolbox({"undo": undo})) as flows:
        run = await flows.begin(
            [
                _undone("a"),
                {"id": "sub", "kind": "subworkflow", "workflow": inner, "needs": ["a"]},
                _undone("b", needs=["sub"]),
                _undone("c", needs=["b"]),
                action("bad", "fail", needs=["c"]),
            ]
        )
        await arrived.wait()
        await flows.stop()
        gate.set()
        await flows.start()
        ended = await flows.end(run)
        assert ended.status == "compensated"
        assert ended.nodes["sub.x"] == "compensated"
        kept = [key for tool, key in flows.toolbox.kept if tool == "undo"]
        assert kept == [f"{run}:undo:{node}" for node in ("c", "b", "sub.x", "a")]
        assert [each.arguments["what"] for each in flows.toolbox.named("undo")].count("c") == 1


async def test_a_node_is_tried_again_with_growing_delays_and_a_new_key(flows: Bench) -> None:
    answers = itertools.chain([failed("1"), failed("2")], itertools.repeat(done(ok=True)))
    flows.toolbox.tools["flaky"] = lambda _: next(answers)
    retry = {"attempts": 5, "delay": 0.05, "factor": 3}
    ended = await flows.run([action("a", "flaky", retry=retry)])
    assert ended.status == "succeeded"
    node = flows.ledger.nodes[ended.run, "a"]
    assert node["attempts"] == 3
    assert node["ended"] - node["started"] >= 0.05 + 0.15
    keys = [each.key for each in flows.toolbox.calls]
    assert keys == [f"{ended.run}:a", f"{ended.run}:a:2", f"{ended.run}:a:3"]


async def test_a_call_without_an_answer_is_tried_again_with_the_same_key(flows: Bench) -> None:
    left = [ToolError("unavailable", "Gone.")]

    def lost(_: dict[str, Any]) -> dict[str, Any]:
        if left:
            raise left.pop()
        return done()

    flows.toolbox.tools["lost"] = lost
    ended = await flows.run([action("a", "lost", retry={"attempts": 2, "delay": 0})])
    assert ended.status == "succeeded"
    assert [each.key for each in flows.toolbox.calls] == [f"{ended.run}:a"] * 2


async def test_a_key_of_ones_own_is_taken(flows: Bench) -> None:
    nodes = [action("a", idempotency_key="order-${parameters.n}")]
    await flows.run(nodes, parameters={"n": 7})
    await flows.run(nodes, parameters={"n": 7})
    assert [each.key for each in flows.toolbox.calls] == ["order-7"]


async def test_what_comes_again_with_every_attempt_is_not_tried_again(flows: Bench) -> None:
    flows.toolbox.tools["no"] = lambda _: failed("You may not.", "forbidden")
    ended = await flows.run([action("a", "no", retry={"attempts": 5, "delay": 0})])
    assert ended.status == "failed"
    assert len(flows.toolbox.calls) == 1


async def test_an_attempt_that_takes_too_long_is_ended(flows: Bench) -> None:
    ended = await flows.run([action("a", "block", timeout=0.05, retry={"attempts": 2, "delay": 0})])
    assert ended.error is not None
    assert ended.error["code"] == "timeout"
    assert len(flows.toolbox.cancelled) == 2


async def test_a_subworkflow_that_takes_too_long_fails(flows: Bench) -> None:
    inner = {"name": "inner", "nodes": [action("x", "block"), action("y", needs=["x"])]}
    ended = await flows.run(
        [{"id": "sub", "kind": "subworkflow", "workflow": inner, "timeout": 0.05}]
    )
    assert ended.error is not None
    assert (ended.error["code"], ended.error["node"]) == ("timeout", "sub")
    assert ended.nodes["sub.y"] == "skipped"


async def test_too_large_an_output_fails_its_node(flows: Bench) -> None:
    flows.toolbox.tools["much"] = lambda _: done(text="x" * (1 << 20))
    ended = await flows.run([action("a", "much", retry={"attempts": 3})])
    assert ended.error is not None
    assert ended.error["code"] == "too_large"
    assert ended.error["remedy"] == "Write it to a file and return the path."
    assert len(flows.toolbox.calls) == 1


async def test_of_too_large_an_input_the_beginning_is_kept_and_the_tool_gets_all(
    flows: Bench,
) -> None:
    big = "x" * (1 << 20)
    flows.toolbox.tools["size"] = lambda arguments: done(size=len(arguments["big"]))
    ended = await flows.run(
        [action("a", "size", arguments={"big": "${parameters.big}", "small": 1})],
        parameters={"big": big},
    )
    assert ended.outputs["a"] == {"size": 1 << 20}
    kept = flows.ledger.nodes[ended.run, "a"]["input"]
    assert kept == {"big": f"{big[:1000]}… (1,048,576 characters)", "small": 1}


async def test_what_a_tool_raises_unexpectedly_is_told_by_a_number(flows: Bench) -> None:
    def broken(_: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("secret")

    flows.toolbox.tools["broken"] = broken
    ended = await flows.run([action("a", "broken")])
    assert ended.error is not None
    assert ended.error["code"] == "internal"
    assert "secret" not in str(ended.error)
