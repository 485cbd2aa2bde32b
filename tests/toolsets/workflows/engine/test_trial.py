"""Subworkflows that are tried again, and their time, also across a stop of the engine."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

from jupyter_mcp.security.tokens.acting import RESULT_OF
from support.flows import Bench, Json, action, done, failed


def _sub(nodes: list[Json], **fields: Any) -> Json:
    return {
        "id": "sub",
        "kind": "subworkflow",
        "workflow": {"name": "inner", "nodes": nodes},
        **fields,
    }


def _failing(times: int) -> Any:
    answers = itertools.chain([failed("No.")] * times, itertools.repeat(done(ok=True)))
    return lambda _: next(answers)


async def test_another_attempt_does_only_what_has_failed_and_with_another_key(
    flows: Bench,
) -> None:
    flows.toolbox.tools["flaky"] = _failing(2)
    nodes = [action("make"), action("use", "flaky", needs=["make"]), action("end", needs=["use"])]
    ended = await flows.run([_sub(nodes, retry={"attempts": 3, "delay": 0.01}), action("other")])
    assert ended.status == "succeeded"
    assert ended.outputs["sub"] == {"make": {}, "use": {"ok": True}, "end": {}}
    keys = [each.key.removeprefix(f"{ended.run}:") for each in flows.toolbox.calls]
    assert sorted(keys) == ["other", "sub.end", "sub.make", "sub.use", "sub.use:2", "sub.use:3"]
    assert flows.ledger.nodes[ended.run, "sub"]["attempts"] == 3
    assert flows.ledger.nodes[ended.run, "sub.use"]["error"] is None


async def test_the_last_attempt_fails_the_run_and_what_was_done_is_taken_back_once(
    flows: Bench,
) -> None:
    flows.toolbox.tools["undo"] = lambda _: done()
    nodes = [action("make", compensate={"tool": "undo"}), action("use", "fail", needs=["make"])]
    ended = await flows.run([_sub(nodes, retry={"attempts": 2, "delay": 0})])
    assert ended.status == "compensated"
    assert (ended.nodes["sub"], ended.nodes["sub.use"]) == ("failed", "failed")
    assert [each.key for each in flows.toolbox.named("undo")] == [f"{ended.run}:undo:sub.make"]
    assert len(flows.toolbox.named("fail")) == 2


async def test_a_subworkflow_in_one_that_is_tried_again_has_all_its_attempts_again(
    flows: Bench,
) -> None:
    inner = {**_sub([action("a", "fail")], retry={"attempts": 2, "delay": 0}), "id": "inner"}
    ended = await flows.run([_sub([inner], retry={"attempts": 3, "delay": 0})])
    assert ended.status == "failed"
    assert len(flows.toolbox.named("fail")) == 6


async def test_what_comes_again_with_every_attempt_is_not_tried_again(flows: Bench) -> None:
    flows.toolbox.tools["no"] = lambda _: failed("You may not.", "forbidden")
    ended = await flows.run([_sub([action("a", "no")], retry={"attempts": 5, "delay": 0})])
    assert ended.status == "failed"
    assert len(flows.toolbox.calls) == 1


async def test_a_failure_outside_ends_the_wait_for_another_attempt(flows: Bench) -> None:
    gate = asyncio.Event()

    async def late(_: Json) -> Json:
        await gate.wait()
        return failed("No.")

    flows.toolbox.tools["late"] = late
    sub = _sub([action("a", "fail")], retry={"attempts": 2, "delay": 3600, "max_delay": 3600})
    run = await flows.begin([sub, action("bad", "late")])
    await flows.ledger.until(lambda: flows.ledger.status(run, "sub") == "waiting")
    gate.set()
    ended = await flows.end(run)
    assert (ended.status, ended.nodes["sub"], ended.nodes["bad"]) == ("failed", "failed", "failed")


@pytest.mark.parametrize("retry", [{}, {"retry": {"attempts": 2, "delay": 0}}])
async def test_a_failure_outside_ends_what_waits_in_a_map_of_subworkflows(
    flows: Bench, retry: Json
) -> None:
    gate = asyncio.Event()

    async def late(_: Json) -> Json:
        await gate.wait()
        return failed("No.")

    flows.toolbox.tools |= {"late": late, "undo": lambda _: done()}
    nodes = [
        action("made", compensate={"tool": "undo"}),
        {"id": "rest", "kind": "wait", "seconds": 3600, "needs": ["made"]},
        action("after", needs=["rest"]),
    ]
    part = {"kind": "subworkflow", "workflow": {"name": "inner", "nodes": nodes}, **retry}
    each = {"id": "each", "kind": "map", "over": [1, 2, 3], "concurrency": 2, "node": part}
    run = await flows.begin([each, action("bad", "late")])
    waits, status = [f"each[{index}].rest" for index in (0, 1)], flows.ledger.status
    await flows.ledger.until(lambda: all(status(run, node) == "waiting" for node in waits))
    gate.set()
    ended = await flows.end(run)
    assert (ended.status, ended.nodes["each"]) == ("compensated", "cancelled")
    assert [ended.nodes[node] for node in waits] == ["cancelled", "cancelled"]
    assert ended.nodes["each[1].after"] == "skipped"
    assert "each[2].made" not in ended.nodes, "it never began"
    assert [each.key for each in flows.toolbox.named("undo")] == [
        f"{run}:undo:each[{index}].made" for index in (1, 0)
    ]


async def test_a_failure_that_another_attempt_follows_stops_nothing_else(flows: Bench) -> None:
    flows.toolbox.tools["flaky"] = _failing(1)
    ask = {"id": "ask", "kind": "approval", "message": "Go?"}
    run = await flows.begin([_sub([action("a", "flaky")], retry={"attempts": 2, "delay": 0}), ask])
    await flows.ledger.until(lambda: flows.ledger.status(run, "sub") == "succeeded")
    flows.ledger.reply(run, "ask", approved=True)
    assert (await flows.end(run)).status == "succeeded"


async def test_a_stop_gives_a_subworkflow_no_more_time(flows: Bench) -> None:
    run = await flows.begin([_sub([action("a", "block")], timeout=3600)])
    await flows.ledger.until(lambda: flows.toolbox.named("block"))
    memo = flows.ledger.nodes[run, "sub"]["memo"]
    assert 3000 < memo["until"] - time.time() <= 3600
    await flows.stop()
    memo["until"] -= 3600  # as if nothing had run for an hour
    deadline = memo["until"]
    await flows.start()
    ended = await flows.end(run)
    assert ended.error is not None
    assert (ended.error["code"], ended.error["node"]) == ("timeout", "sub")
    assert flows.ledger.nodes[run, "sub"]["memo"]["until"] == deadline


async def test_a_stop_gives_a_subworkflow_no_more_attempts(flows: Bench) -> None:
    flows.toolbox.tools["once"] = _failing(1)
    nodes = [action("a", "once"), action("b", "block", needs=["a"])]
    run = await flows.begin([_sub(nodes, retry={"attempts": 2, "delay": 0})])
    await flows.ledger.until(lambda: flows.toolbox.named("block"))
    await flows.stop()
    flows.toolbox.tools["block"] = lambda _: failed("No.")
    await flows.start()
    ended = await flows.end(run)
    assert ended.status == "failed"
    assert flows.ledger.nodes[run, "sub"]["attempts"] == 2
    assert len(flows.toolbox.named("once")) == 2
    assert len(flows.toolbox.named("block")) == 2, "one for each worker"


@pytest.mark.parametrize("where", ["element", "map"])
async def test_elements_of_a_map_are_tried_again_from_what_failed(flows: Bench, where: str) -> None:
    flows.toolbox.tools["flaky"] = _failing(1)
    nodes = [action("make"), action("use", "flaky", needs=["make"])]
    retry = {"retry": {"attempts": 2, "delay": 0}}
    element = {"kind": "subworkflow", "workflow": {"name": "inner", "nodes": nodes}}
    element |= retry if where == "element" else {}
    each = {"id": "each", "kind": "map", "over": [1, 2], "node": element}
    ended = await flows.run([{**each, **(retry if where == "map" else {})}])
    assert ended.status == "succeeded"
    assert len(flows.toolbox.named("echo")) == 2
    assert len(flows.toolbox.named("flaky")) == 3


async def test_what_an_earlier_run_did_in_a_subworkflow_is_not_done_again(flows: Bench) -> None:
    flows.toolbox.tools["undo"] = lambda arguments: done(**arguments)
    undo = {"tool": "undo", "arguments": {"p": "${parameters.p}", "made": "${nodes.make.output}"}}
    nodes = [
        action("make", compensate=undo),
        action("use", needs=["make"], arguments={"made": "${nodes.make.output}"}),
    ]
    sub = _sub(nodes, parameters={"p": "${nodes.first.output}"})
    sub["workflow"]["parameters"] = {"type": "object", "properties": {"p": {}}}
    seeds = {"first": 7, "sub.make": "a file"}
    ended = await flows.run(
        [action("first"), sub, action("bad", "fail", needs=["sub"])], seeds=seeds
    )
    assert [each.key.removeprefix(f"{ended.run}:") for each in flows.toolbox.named("echo")] == [
        "sub.use"
    ]
    assert flows.toolbox.named("echo")[0].arguments == {"made": "a file"}
    assert ended.status == "compensated"
    assert flows.toolbox.named("undo")[0].arguments == {"p": 7, "made": "a file"}


@pytest.mark.parametrize("by", ["wf-0", "wf-1"])
async def test_a_kept_failure_under_a_key_is_that_of_the_run_that_has_failed(
    flows: Bench, by: str
) -> None:
    for key in ("report", "report:2"):
        flows.toolbox.kept["echo", key] = {**failed("No file."), "_meta": {RESULT_OF: by}}
    ended = await flows.run([action("a", idempotency_key="report")])
    if by == ended.run:  # it is taken up after a crash: no attempt is left
        assert ended.status == "failed"
        assert flows.toolbox.calls == []
    else:
        assert ended.status == "succeeded"
        assert flows.ledger.nodes[ended.run, "a"]["attempts"] == 1
        assert [each.key for each in flows.toolbox.calls] == ["report:3"]


async def test_code_that_failed_in_a_sandbox_under_a_key_is_run_again_by_another_run(
    flows: Bench,
) -> None:
    bad = {"exit_code": 1, "stderr": "No file."}
    flows.toolbox.kept["terminal_run", "report"] = {**done(**bad), "_meta": {RESULT_OF: "wf-0"}}
    flows.toolbox.tools |= {
        "terminal_run": lambda _: done(exit_code=0),
        "file_write": lambda _: done(),
        "file_read": lambda _: done(content="7"),
        "file_delete": lambda _: done(),
    }
    code = "def run(input):\n    return 7"
    node = {"id": "a", "kind": "processing", "code": code, "sandbox_id": "s"}
    ended = await flows.run([{**node, "idempotency_key": "report"}])
    assert (ended.status, ended.outputs["a"]) == ("succeeded", 7)
    assert [each.key for each in flows.toolbox.named("terminal_run")] == ["report:2"]


async def test_another_run_goes_on_with_a_map_within_an_element_of_a_map(flows: Bench) -> None:
    fails = iter([True])

    def make(arguments: Json) -> Json:
        return failed("No.") if arguments["x"] == 2 and next(fails, False) else done(**arguments)

    flows.toolbox.tools["make"] = make
    work = {"kind": "action", "tool": "make", "arguments": {"x": "${item}"}}
    inner = {"id": "inner", "kind": "map", "over": [1, 2], "node": work}
    sub = {"kind": "subworkflow", "workflow": {"name": "in", "nodes": [inner]}}
    nodes = [{"id": "each", "kind": "map", "over": [0], "node": sub}]
    first = await flows.run(nodes)
    assert first.status == "failed"
    for name in ("each", "each[0].inner"):
        memo = flows.ledger.nodes[first.run, name]["memo"]
        flows.ledger.node("wf-2", name, memo=memo)
    second = await flows.run(nodes)
    assert (second.run, second.status) == ("wf-2", "succeeded")
    assert [each.arguments["x"] for each in flows.toolbox.calls if each.run == "wf-2"] == [2]
