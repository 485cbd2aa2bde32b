"""Waits, approvals, maps and subworkflows, also across a stop of the engine."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.flows import Bench, Toolbox, action, bench, done, failed

ASK: dict[str, Any] = {"id": "ask", "kind": "approval", "message": "Ship ${parameters.v}?"}
FIELDS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def _asked(flows: Bench, node: dict[str, Any], name: str = "ask") -> str:
    run = await flows.begin([node], parameters={"v": 2})
    await flows.ledger.until(lambda: flows.ledger.status(run, name) == "waiting")
    return run


async def test_an_approval_goes_on_with_a_yes(flows: Bench) -> None:
    run = await _asked(flows, ASK)
    assert flows.ledger.nodes[run, "ask"]["input"] == {"message": "Ship 2?"}
    flows.ledger.reply(run, "ask", approved=True)
    ended = await flows.end(run)
    assert ended.outputs["ask"] == {"approved": True, "by": "ann", "at": 1.0, "fields": {}}


async def test_a_no_fails_the_run_and_is_not_asked_again(flows: Bench) -> None:
    run = await _asked(flows, {**ASK, "retry": {"attempts": 3}})
    flows.ledger.reply(run, "ask", approved=False, reason="Too early")
    ended = await flows.end(run)
    assert ended.error is not None
    assert ended.error["code"] == "rejected"
    assert ended.error["message"] == "ann said no: Too early."


async def test_an_answer_that_does_not_fit_is_told_and_another_is_waited_for(flows: Bench) -> None:
    run = await _asked(flows, {**ASK, "fields": FIELDS})
    flows.ledger.reply(run, "ask", approved=True, fields={"n": "x"})
    await flows.ledger.until(lambda: flows.ledger.nodes[run, "ask"].get("error"))
    assert "at n" in flows.ledger.nodes[run, "ask"]["error"]["message"]
    flows.ledger.reply(run, "ask", approved=True, fields={"n": 3})
    ended = await flows.end(run)
    assert ended.outputs["ask"]["fields"] == {"n": 3}


@pytest.mark.parametrize(("on_expiry", "status"), [("fail", "failed"), ("skip", "skipped")])
async def test_an_approval_expires(flows: Bench, on_expiry: str, status: str) -> None:
    node = {**ASK, "expires": 0.05, "on_expiry": on_expiry}
    ended = await flows.run([node, action("after", needs=["ask"])], parameters={"v": 1})
    assert ended.nodes == {"ask": status, "after": "skipped"}
    assert ended.status == ("failed" if status == "failed" else "succeeded")


async def test_the_time_of_an_approval_goes_on_while_nothing_runs(flows: Bench) -> None:
    run = await _asked(flows, {**ASK, "expires": 3600})
    memo = flows.ledger.nodes[run, "ask"]["memo"]
    assert 3000 < memo["until"] - time.time() <= 3600
    await flows.stop()
    memo["until"] -= 3600  # as if nothing had run for an hour
    await flows.start()
    ended = await flows.end(run)
    assert ended.error is not None
    assert ended.error["code"] == "expired"


async def test_an_answer_that_came_while_nothing_ran_counts(flows: Bench) -> None:
    run = await _asked(flows, ASK)
    await flows.stop()
    flows.ledger.reply(run, "ask", approved=True)
    await flows.start()
    assert (await flows.end(run)).status == "succeeded"


async def test_waits_end_in_time(flows: Bench) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    ended = await flows.run(
        [
            {"id": "a", "kind": "wait", "seconds": "${parameters.s}"},
            {"id": "b", "kind": "wait", "until": "${parameters.t}"},
        ],
        parameters={"s": 0.2, "t": soon},
    )
    node = flows.ledger.nodes[ended.run, "a"]
    assert 0.2 <= node["ended"] - node["started"] < 10
    assert datetime.fromisoformat(ended.outputs["b"]["until"]) == datetime.fromisoformat(soon)


@pytest.mark.parametrize("seconds", [1e12, -1, True, "5"])
async def test_what_is_no_while_or_too_long_is_refused(flows: Bench, seconds: Any) -> None:
    ended = await flows.run(
        [{"id": "a", "kind": "wait", "seconds": "${parameters.s}"}], parameters={"s": seconds}
    )
    assert ended.error is not None
    assert ended.error["code"] == "invalid_arguments"
    assert "seconds" in ended.error["message"]


@pytest.mark.parametrize(
    "until",
    ["soon", "2026-01-01T00:00:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"],
)
async def test_what_is_no_time_is_refused(flows: Bench, until: str) -> None:
    ended = await flows.run(
        [{"id": "b", "kind": "wait", "until": "${parameters.t}"}], parameters={"t": until}
    )
    assert ended.error is not None
    assert ended.error["code"] == "invalid_arguments"


def _map(node: dict[str, Any], over: Any = "${parameters.list}", **fields: Any) -> dict[str, Any]:
    return {"id": "each", "kind": "map", "over": over, "node": node, **fields}


async def test_a_map_keeps_the_order_and_its_bound(tmp_path: Path) -> None:
    now = most = 0

    async def work(arguments: dict[str, Any]) -> dict[str, Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02 if arguments["n"] % 2 else 0)
        now -= 1
        return done(**arguments)

    async with bench(str(tmp_path / "w.db"), toolbox=Toolbox({"work": work})) as flows:
        node = {"kind": "action", "tool": "work", "arguments": {"n": "${row.n}"}}
        rows = [{"n": n} for n in range(20)]
        ended = await flows.run(
            [_map(node, **{"as": "row", "concurrency": 3})], parameters={"list": rows}
        )
    assert ended.outputs["each"] == rows
    assert most == 3
    assert {each.key for each in flows.toolbox.calls} == {
        f"{ended.run}:each[{n}]" for n in range(20)
    }


async def test_an_element_that_fails_lets_the_others_end_and_a_retry_does_only_it(
    flows: Bench,
) -> None:
    left = [1]

    def work(arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["n"] == 1 and left:
            left.pop()
            return failed("Bad.")
        return done(**arguments)

    flows.toolbox.tools["work"] = work
    node = {"kind": "action", "tool": "work", "arguments": {"n": "${item}"}}
    ended = await flows.run([_map(node, [0, 1, 2])])
    assert ended.error is not None
    assert ended.error["message"] == "Element 1: Bad."
    assert len(flows.toolbox.calls) == 3
    left.append(1)
    again = {**node, "retry": {"attempts": 2, "delay": 0}}
    ended = await flows.run([_map(again, [0, 1, 2])])
    assert ended.outputs["each"] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert len(flows.toolbox.calls) == 3 + 4


async def test_a_map_that_is_tried_again_repeats_only_what_failed(flows: Bench) -> None:
    left = [1]

    def work(arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["n"] == 1 and left:
            left.pop()
            return failed("Bad.")
        return done(**arguments)

    flows.toolbox.tools["work"] = work
    node = {
        "kind": "action",
        "tool": "work",
        "arguments": {"n": "${item}"},
        "idempotency_key": "${workflow.id}-${item}-${parameters.salt}",
    }
    ended = await flows.run(
        [_map(node, [0, 1, 2], retry={"attempts": 2, "delay": 0})], parameters={"salt": "s"}
    )
    # Another key for what has failed, because the server gives the same answer to the same one.
    assert (ended.status, ended.outputs["each"]) == ("succeeded", [{"n": 0}, {"n": 1}, {"n": 2}])
    keys = [each.key.removeprefix(f"{ended.run}-") for each in flows.toolbox.calls]
    assert sorted(keys) == ["0-s", "1-s", "1-s:2", "2-s"]


async def test_a_map_goes_on_after_a_stop_without_repeating_elements(flows: Bench) -> None:
    def work(arguments: dict[str, Any]) -> Any:
        return flows.toolbox.tools["block"]({}) if arguments["n"] > 3 else done(**arguments)

    flows.toolbox.tools["work"] = work
    node = {"kind": "action", "tool": "work", "arguments": {"n": "${item}"}}
    run = await flows.begin([_map(node, [1, 2, 3, 4, 5])])
    await flows.ledger.until(
        lambda: (
            len(((flows.ledger.nodes.get((run, "each")) or {}).get("memo") or {"done": ()})["done"])
            == 3
        )
    )
    await flows.stop()
    flows.toolbox.kept.clear()
    flows.toolbox.calls.clear()
    flows.toolbox.tools["work"] = lambda arguments: done(**arguments)
    await flows.start()
    ended = await flows.end(run)
    assert ended.outputs["each"] == [{"n": n} for n in range(1, 6)]
    assert sorted(each.arguments["n"] for each in flows.toolbox.calls) == [4, 5]


@pytest.mark.parametrize("over", [5, {"a": 1}, "text", None])
async def test_what_is_no_list_cannot_be_mapped(flows: Bench, over: Any) -> None:
    ended = await flows.run([_map({"kind": "wait", "seconds": 0})], parameters={"list": over})
    assert ended.error is not None
    assert "no list" in ended.error["message"]


async def test_approvals_in_a_map_are_answered_one_by_one(flows: Bench) -> None:
    node = {"kind": "approval", "message": "${item}?", "expires": 60}
    run = await flows.begin([_map(node, ["a", "b"])])
    ledger = flows.ledger
    await ledger.until(lambda: ledger.status(run) == ledger.status(run, "each[1]") == "waiting")
    ledger.reply(run, "each[1]", approved=True)
    await ledger.until(lambda: ledger.status(run, "each[1]") == "succeeded")
    ledger.reply(run, "each[0]", approved=True)
    ended = await flows.end(run)
    assert [each["approved"] for each in ended.outputs["each"]] == [True, True]


INNER = {
    "name": "inner",
    "parameters": {"type": "object", "properties": {"x": {}}},
    "nodes": [
        action("a", arguments={"x": "${parameters.x}"}),
        action("b", arguments={"y": "${nodes.a.output.x}"}),
    ],
}


async def test_subworkflows_within_subworkflows(flows: Bench) -> None:
    middle = {
        "name": "middle",
        "parameters": {"type": "object", "properties": {"x": {}}},
        "nodes": [
            {
                "id": "deep",
                "kind": "subworkflow",
                "workflow": INNER,
                "parameters": {"x": "${parameters.x}"},
            }
        ],
    }
    ended = await flows.run(
        [
            {"id": "sub", "kind": "subworkflow", "workflow": middle, "parameters": {"x": [1]}},
            action("after", arguments={"z": "${nodes.sub.output.deep.b.y}"}),
        ]
    )
    assert ended.outputs["after"] == {"z": [1]}
    assert {each.key.partition(":")[2] for each in flows.toolbox.calls} == {
        "sub.deep.a",
        "sub.deep.b",
        "after",
    }


DEFAULTS = {
    "name": "inner",
    "parameters": {
        "type": "object",
        "properties": {"x": {"type": "integer", "default": 7}, "y": {"type": "integer"}},
        "required": ["y"],
    },
    "nodes": [action("a", arguments={"x": "${parameters.x}", "y": "${parameters.y}"})],
}


async def test_a_subworkflow_has_the_defaults_of_its_parameters(flows: Bench) -> None:
    sub = {"kind": "subworkflow", "workflow": DEFAULTS, "parameters": {"y": 1}}
    ended = await flows.run(
        [{"id": "sub", **sub}, _map({**sub, "parameters": {"y": "${item}"}}, [2])]
    )
    assert ended.outputs["sub"] == {"a": {"x": 7, "y": 1}}
    assert ended.outputs["each"] == [{"a": {"x": 7, "y": 2}}]


@pytest.mark.parametrize("where", ["once", "in a map"])
async def test_a_value_that_does_not_fit_a_subworkflow_fails_it(flows: Bench, where: str) -> None:
    sub = {"kind": "subworkflow", "workflow": DEFAULTS, "parameters": {"y": "${parameters.y}"}}
    node = {"id": "each", **sub} if where == "once" else _map(sub, [1])
    ended = await flows.run([node], parameters={"y": "no number"})
    assert ended.error is not None
    assert ended.error["code"] == "invalid_arguments"
    assert "'y': 'no number' is not of type 'integer'" in ended.error["message"]
    assert flows.toolbox.calls == []


async def test_a_failure_inside_is_told_with_its_node(flows: Bench) -> None:
    inner = {"name": "inner", "nodes": [action("x", "fail")]}
    ended = await flows.run([{"id": "sub", "kind": "subworkflow", "workflow": inner}])
    assert ended.error is not None
    assert ended.error["message"] == "No."
    assert ended.nodes == {"sub": "failed", "sub.x": "failed"}


async def test_a_map_of_subworkflows_goes_on_where_it_was(flows: Bench) -> None:
    inner = {
        "name": "inner",
        "parameters": {"type": "object", "properties": {"x": {}}},
        "nodes": [
            action("a", arguments={"x": "${parameters.x}"}),
            action("b", "gate", needs=["a"]),
        ],
    }
    flows.toolbox.tools["gate"] = flows.toolbox.tools["block"]
    node = {"kind": "subworkflow", "workflow": inner, "parameters": {"x": "${item}"}}
    run = await flows.begin([_map(node, ["p", "q"])])
    await flows.ledger.until(lambda: len(flows.toolbox.named("gate")) == 2)
    await flows.stop()
    flows.toolbox.kept.clear()
    flows.toolbox.tools["gate"] = lambda _: done(ok=True)
    await flows.start()
    ended = await flows.end(run)
    assert ended.outputs["each"] == [{"a": {"x": x}, "b": {"ok": True}} for x in "pq"]
    assert len(flows.toolbox.named("echo")) == 2
    assert ended.nodes["each[0].a"] == "succeeded"


async def test_a_long_map_costs_little_more_than_its_elements(flows: Bench) -> None:
    node = {"kind": "processing", "input": "${item}", "expression": "input * 2"}
    began = time.monotonic()
    ended = await flows.run([_map(node, concurrency=16)], parameters={"list": list(range(2000))})
    assert ended.outputs["each"] == [2 * n for n in range(2000)]
    assert time.monotonic() - began < 30
