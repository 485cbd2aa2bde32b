"""Cancelling, pausing and stopping: whatever goes on, it acts within a second."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.toolsets.workflows.engine.order import Order
from support.flows import Bench, Toolbox, action, bench, done

PROMPT = 20.0
"""Seconds that no work here takes, and less than after what is looked at from time to time."""

LONG = [
    ("a tool", action("n", "block")),
    ("an approval", {"id": "n", "kind": "approval", "message": "May I?"}),
    ("a wait", {"id": "n", "kind": "wait", "seconds": 3600}),
    (
        "a map",
        {
            "id": "n",
            "kind": "map",
            "over": [1, 2, 3],
            "node": {"kind": "action", "tool": "block"},
        },
    ),
    (
        "a retry",
        action("n", "fail", retry={"attempts": 3, "delay": 3600, "max_delay": 3600}),
    ),
    (
        "a subworkflow",
        {
            "id": "n",
            "kind": "subworkflow",
            "workflow": {"name": "s", "nodes": [action("x", "block")]},
        },
    ),
    (
        "a map of subworkflows",
        {
            "id": "n",
            "kind": "map",
            "over": [1],
            "node": {
                "kind": "subworkflow",
                "workflow": {"name": "s", "nodes": [action("x", "block")]},
            },
        },
    ),
]


@pytest.mark.parametrize("node", [node for _, node in LONG], ids=[name for name, _ in LONG])
async def test_cancelling_acts_at_once(flows: Bench, node: dict[str, Any]) -> None:
    run = await flows.begin([node, action("after", needs=["n"])])
    ledger = flows.ledger
    await ledger.until(lambda: ledger.status(run, "n") == "waiting" or flows.toolbox.named("block"))
    began = time.monotonic()
    ledger.want(run, "cancelled")
    ended = await flows.end(run)
    assert time.monotonic() - began < PROMPT
    assert ended.status == "cancelled"
    assert set(ended.nodes.values()) == {"cancelled"}
    assert [each.tool for each in flows.toolbox.cancelled] == [
        each.tool for each in flows.toolbox.named("block")
    ]


async def test_a_run_that_was_cancelled_before_it_began_does_nothing(flows: Bench) -> None:
    flows.ledger.want("wf-1", "cancelled")
    ended = await flows.run([action("a")])
    assert (ended.status, ended.nodes) == ("cancelled", {"a": "cancelled"})
    assert flows.toolbox.calls == []


async def test_a_paused_run_ends_what_runs_and_begins_nothing(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def held(_: dict[str, Any]) -> dict[str, Any]:
        await gate.wait()
        return done()

    async with bench(str(tmp_path / "w.db"), toolbox=Toolbox({"held": held})) as flows:
        ledger = flows.ledger
        run = await flows.begin([action("a", "held"), action("b", needs=["a"])])
        await ledger.until(lambda: ledger.status(run, "a") == "running")
        ledger.want(run, "paused")
        await ledger.until(lambda: ledger.status(run) == "paused")
        gate.set()
        await ledger.until(lambda: ledger.status(run, "a") == "succeeded")
        assert ledger.status(run) == "paused"
        assert flows.toolbox.named("echo") == []
        ledger.want(run, "")
        ended = await flows.end(run)
        assert ended.nodes == {"a": "succeeded", "b": "succeeded"}


SUB = {
    "kind": "subworkflow",
    "workflow": {
        "name": "s",
        "parameters": {"type": "object", "properties": {"n": {}}},
        "nodes": [action("x", "held", arguments={"n": "${parameters.n}"})],
    },
    "parameters": {"n": "${item}"},
}


@pytest.mark.parametrize(
    "node", [{"kind": "action", "tool": "held", "arguments": {"n": "${item}"}}, SUB]
)
@pytest.mark.parametrize("wish", ["", "cancelled"])
async def test_a_map_of_a_paused_run_begins_no_element(
    flows: Bench, node: dict[str, Any], wish: str
) -> None:
    gate = asyncio.Event()

    async def held(_: dict[str, Any]) -> dict[str, Any]:
        await gate.wait()
        return done()

    flows.toolbox.tools["held"] = held
    ledger = flows.ledger
    each = {"id": "each", "kind": "map", "over": [0, 1, 2, 3], "concurrency": 2, "node": node}
    run = await flows.begin([each])
    await ledger.until(lambda: len(flows.toolbox.named("held")) == 2)
    ledger.want(run, "paused")
    await ledger.until(lambda: ledger.status(run) == "paused")
    gate.set()
    await ledger.until(lambda: (ledger.nodes[run, "each"].get("progress") or {}).get("done") == 2)
    await flows.run([action("a")])  # by now the others would have begun
    assert len(flows.toolbox.named("held")) == 2
    assert ledger.status(run) == "paused"
    ledger.want(run, wish)
    ended = await flows.end(run)
    assert ended.status == (wish or "succeeded")
    assert len(flows.toolbox.named("held")) == (2 if wish else 4)


async def test_a_paused_run_can_be_cancelled(flows: Bench) -> None:
    flows.ledger.want("wf-1", "paused")
    run = await flows.begin([action("a")])
    await flows.ledger.until(lambda: flows.ledger.status(run) == "paused")
    flows.ledger.want(run, "cancelled")
    assert (await flows.end(run)).status == "cancelled"


async def test_a_run_waits_when_all_that_goes_on_waits(flows: Bench) -> None:
    ledger = flows.ledger
    ask = {"id": "ask", "kind": "approval", "message": "Go?"}
    sub = {"id": "sub", "kind": "subworkflow", "workflow": {"name": "s", "nodes": [ask]}}
    run = await flows.begin([action("a", "block"), sub])
    await ledger.until(lambda: ledger.status(run, "sub.ask") == "waiting")
    await ledger.until(lambda: ledger.status(run, "a") == "running")
    await ledger.until(lambda: ledger.status(run) == "running")
    ledger.want(run, "cancelled")
    await flows.end(run)
    run = await flows.begin([sub])
    await ledger.until(lambda: ledger.status(run) == "waiting")
    ledger.reply(run, "sub.ask", approved=True)
    assert (await flows.end(run)).status == "succeeded"


class Asking(Toolbox):
    """Tools that wait for a person, and then go on."""

    def __init__(self) -> None:
        super().__init__({"asks": lambda _: done()})
        self.tell: Any = None
        self.yes = asyncio.Event()

    async def call(self, run: str, tool: str, arguments: Any, **more: Any) -> Any:
        if tool == "asks":
            self.tell = more["on_progress"]
            await self.tell(-300, None, "Waiting for approval.")
            await self.yes.wait()
        return await super().call(run, tool, arguments, **more)


ASKS = {"kind": "action", "tool": "asks"}
WITHIN = {"kind": "subworkflow", "workflow": {"name": "s", "nodes": [{"id": "x", **ASKS}]}}


@pytest.mark.parametrize("work", [ASKS, WITHIN])
async def test_a_run_whose_calls_wait_for_a_person_waits_and_says_so(
    tmp_path: Path, work: dict[str, Any]
) -> None:
    toolbox = Asking()
    async with bench(str(tmp_path / "w.db"), toolbox=toolbox) as flows:
        ledger = flows.ledger
        each = {"id": "each", "kind": "map", "over": [1, 2], "node": work}
        run = await flows.begin([each, {"id": "one", **work}])
        waits = {"": "waiting", "each": "waiting"}
        await ledger.until(lambda: {node: ledger.status(run, node) for node in waits} == waits)
        told = {"done": 0, "total": 2, "message": "Waiting for approval."}
        await ledger.until(lambda: ledger.nodes[run, "each"].get("progress") == told)
        begun = await flows.begin([{**each, "over": [1], "concurrency": 1}, action("b", "block")])
        works = {"": "running", "each": "waiting", "b": "running"}
        await ledger.until(lambda: {node: ledger.status(begun, node) for node in works} == works)
        ledger.want(begun, "cancelled")
        await flows.end(begun)
        toolbox.yes.set()
        ended = await flows.end(run)
        assert ended.status == "succeeded"
        assert set(ended.nodes.values()) == {"succeeded"}
        await toolbox.tell(-290, None, "Waiting for approval.")
        assert set(ledger.statuses(run).values()) == {"succeeded"}, "it came too late"


async def test_hundreds_of_runs_that_wait_hold_up_no_other(flows: Bench) -> None:
    ask = [{"id": "ask", "kind": "approval", "message": "Go?"}]
    waiting = [await flows.begin(ask) for _ in range(200)]
    ledger = flows.ledger
    await ledger.until(lambda: all(ledger.status(run) == "waiting" for run in waiting))
    began = time.monotonic()
    assert (await flows.run([action("a")])).status == "succeeded"
    assert time.monotonic() - began < PROMPT
    for run in waiting:
        ledger.reply(run, "ask", approved=True)
    for run in waiting:
        assert (await flows.end(run)).status == "succeeded"


async def test_stopping_is_quick_and_quiet_and_the_next_start_goes_on(
    flows: Bench, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger = flows.ledger
    nodes = [
        action("first"),
        action("slow", "block", needs=["first"]),
        {"id": "ask", "kind": "approval", "message": "Go?", "needs": ["first"]},
        {"id": "rest", "kind": "wait", "seconds": 3600, "needs": ["first"]},
    ]
    runs = [await flows.begin(nodes) for _ in range(10)]
    await ledger.until(lambda: all(ledger.status(run, "rest") == "waiting" for run in runs))
    await ledger.until(lambda: all(ledger.status(run, "ask") == "waiting" for run in runs))
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        await flows.stop()
    assert time.monotonic() - began < PROMPT
    assert caplog.records == []
    assert "Traceback" not in "".join(capfd.readouterr())
    assert ledger.live == set()
    flows.toolbox.tools["block"] = lambda _: done()
    deadlines = [ledger.nodes[run, "rest"]["memo"] for run in runs]
    await flows.start()
    await ledger.until(lambda: all(ledger.status(run, "slow") == "succeeded" for run in runs))
    assert [ledger.nodes[run, "rest"]["memo"] for run in runs] == deadlines
    assert len(flows.toolbox.named("echo")) == len(runs)
    for run in runs:
        ledger.want(run, "cancelled")
    for run in runs:
        ended = await flows.end(run)
        assert ended.nodes["first"] == ended.nodes["slow"] == "succeeded"


async def test_to_begin_a_run_that_another_worker_had_does_nothing_until_it_is_taken_over(
    flows: Bench,
) -> None:
    ledger, nodes = flows.ledger, [action("a"), action("b", "block", needs=["a"])]
    run = await flows.begin(nodes)
    await ledger.until(lambda: flows.toolbox.named("block"))
    await flows.stop()
    await flows.start(takes_over=False)
    assert flows.engine is not None
    await flows.engine.begin(Order(run, {"name": "test", "nodes": nodes}))
    assert (await flows.run([action("c")])).status == "succeeded"
    assert len(flows.toolbox.named("block")) == 1
    flows.toolbox.tools["block"] = lambda _: done()
    assert await flows.take_over() == [run]
    assert (await flows.end(run)).status == "succeeded"
    assert [each.tool for each in flows.toolbox.calls] == ["echo", "block", "echo", "block"]


async def test_a_run_that_has_begun_does_not_begin_again(flows: Bench) -> None:
    ended = await flows.run([action("a")])
    assert flows.engine is not None
    await flows.engine.begin(Order(ended.run, {"name": "test", "nodes": [action("a", "fail")]}))
    await flows.run([action("b")])
    assert [each.tool for each in flows.toolbox.calls] == ["echo", "echo"]
