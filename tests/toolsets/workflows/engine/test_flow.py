"""Which nodes run, which are skipped, and in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.toolsets.workflows.engine import resources
from support.flows import Bench, Toolbox, action, bench, done

DECISION = {
    "id": "size",
    "kind": "decision",
    "needs": ["load"],
    "branches": [
        {"name": "large", "when": "nodes.load.output.n > 10", "next": ["big"]},
        {"name": "medium", "when": "nodes.load.output.n > 5", "next": ["middle", "more"]},
    ],
    "otherwise": {"name": "small", "next": ["little"]},
}


def _branched(n: int) -> list[dict[str, object]]:
    return [
        action("load", arguments={"n": n}),
        DECISION,
        action("big"),
        action("middle"),
        action("more", needs=["middle"]),
        action("little"),
        action("join", needs=["big", "middle", "little"]),
        action("after_big", needs=["big"]),
    ]


async def test_only_the_branch_that_is_chosen_runs_and_a_join_goes_on(flows: Bench) -> None:
    ended = await flows.run(_branched(20))
    assert ended.status == "succeeded"
    assert ended.outputs["size"] == {"branch": "large"}
    skipped = {node for node, status in ended.nodes.items() if status == "skipped"}
    assert skipped == {"little", "middle", "more"}
    assert ended.nodes["join"] == ended.nodes["after_big"] == "succeeded"


async def test_the_first_branch_that_is_true_is_taken_with_all_its_nodes(flows: Bench) -> None:
    ended = await flows.run(_branched(7))
    skipped = {node for node, status in ended.nodes.items() if status == "skipped"}
    assert skipped == {"big", "little", "after_big"}


async def test_no_branch_and_no_other_way_fails_the_decision(flows: Bench) -> None:
    bare = {key: value for key, value in DECISION.items() if key != "otherwise"}
    ended = await flows.run([action("load", arguments={"n": 1}), bare, action("big")])
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "no_branch"
    assert ended.error["node"] == "size"
    assert ended.nodes["big"] == "skipped"


async def test_a_node_whose_condition_is_false_is_skipped_with_what_needs_only_it(
    flows: Bench,
) -> None:
    ended = await flows.run(
        [
            action("a", when="parameters.go"),
            action("b", needs=["a"]),
            action("c", needs=["b"], when="nodes.b.status == 'skipped'"),
            action("d", needs=["a", "c"]),
        ],
        parameters={"go": False},
    )
    assert ended.nodes == {"a": "skipped", "b": "skipped", "c": "succeeded", "d": "succeeded"}
    assert ended.status == "succeeded"


async def test_values_go_from_node_to_node_with_their_types(flows: Bench) -> None:
    ended = await flows.run(
        [
            action("a", arguments={"list": "${parameters.list}", "text": "n=${parameters.n}"}),
            action("b", arguments={"second": "${nodes.a.output.list[1]}", "raw": "$${x}"}),
        ],
        parameters={"list": [1, {"x": 2}], "n": 3},
    )
    assert ended.outputs["a"] == {"list": [1, {"x": 2}], "text": "n=3"}
    assert ended.outputs["b"] == {"second": {"x": 2}, "raw": "${x}"}


async def test_a_condition_that_cannot_be_evaluated_fails_its_node_and_says_why(
    flows: Bench,
) -> None:
    ended = await flows.run(
        [action("a", arguments={"x": 1}), action("b", when="nodes.a.output.y > 3"), action("c")]
    )
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error["node"] == "b"
    assert "there is no 'y'" in ended.error["message"]


async def test_a_reference_that_leads_nowhere_fails_its_node(flows: Bench) -> None:
    ended = await flows.run([action("a", arguments={"x": "${parameters.missing}"})])
    assert ended.status == "failed"
    assert ended.error is not None
    assert "missing" in ended.error["message"]
    assert flows.toolbox.calls == []


async def test_seeds_count_as_succeeded_and_are_not_done_again(flows: Bench) -> None:
    ended = await flows.run(
        [action("a", "fail"), action("b", arguments={"x": "${nodes.a.output.x}"})],
        seeds={"a": {"x": 7}},
    )
    assert ended.status == "succeeded"
    assert ended.outputs["b"] == {"x": 7}
    assert [each.tool for each in flows.toolbox.calls] == ["echo"]


async def test_nodes_that_need_nothing_of_each_other_run_at_once(flows: Bench) -> None:
    run = await flows.begin([action("a", "block"), action("b", "block"), action("c")])
    await flows.ledger.until(
        lambda: (
            len(flows.toolbox.named("block")) == 2 and flows.ledger.status(run, "c") == "succeeded"
        )
    )
    flows.ledger.want(run, "cancelled")
    ended = await flows.end(run)
    assert ended.nodes == {"a": "cancelled", "b": "cancelled", "c": "succeeded"}


async def test_no_more_nodes_work_at_once_than_there_are_places(tmp_path: Path) -> None:
    async with bench(str(tmp_path / "w.db"), places={"nodes": 2}) as flows:
        run = await flows.begin([action(name, "block") for name in "abcd"])
        await flows.ledger.until(lambda: len(flows.toolbox.calls) == 2)
        other = await flows.begin([{"id": "w", "kind": "wait", "seconds": 0}])
        assert (await flows.end(other)).status == "succeeded"
        assert len(flows.toolbox.calls) == 2
        flows.ledger.want(run, "cancelled")
        assert (await flows.end(run)).status == "cancelled"


async def test_a_call_that_waits_lets_others_work(tmp_path: Path) -> None:
    class Waiting(Toolbox):
        """Tools of which some wait: to be let in, or for a person, or for both."""

        async def call(self, run: str, tool: str, arguments: Any, **more: Any) -> Any:
            if tool == "shut out":
                more["on_wait"]("the access of 'agent' was ended")
                more["places"].leave()
                await let_in.wait()
                more["on_wait"]("")
                await more["places"].take()
            elif tool == "asks":
                await more["on_progress"](-300, None, "Waiting for approval.")
            return await super().call(run, tool, arguments, **more)

    let_in, yes = asyncio.Event(), asyncio.Event()

    async def asks(_: dict[str, Any]) -> dict[str, Any]:
        await yes.wait()
        return done()

    toolbox = Waiting({"shut out": lambda _: done(), "asks": asks, "gpu": lambda _: done()})
    places = {"nodes": 2, "gpu": 1}
    async with bench(str(tmp_path / "w.db"), toolbox=toolbox, places=places) as flows:
        ledger = flows.ledger
        shut = await flows.begin([action(name, "shut out", resources=["gpu"]) for name in "abc"])
        await ledger.until(lambda: set(ledger.statuses(shut).values()) == {"waiting"})
        assert ledger.status(shut) == "waiting"
        each = {"kind": "action", "tool": "asks"}
        asking = await flows.begin([{"id": "m", "kind": "map", "over": [1, 2, 3], "node": each}])
        await ledger.until(lambda: len(toolbox.named("asks")) == 3)
        assert (await flows.run([action("a", resources=["gpu"])])).status == "succeeded"
        full = await flows.begin([action(name, "block") for name in "xy"])
        await ledger.until(lambda: len(toolbox.named("block")) == 2)
        let_in.set()
        yes.set()
        assert (await flows.end(asking)).status == "succeeded"
        assert toolbox.named("shut out") == [], "they have to wait for places again"
        ledger.want(full, "cancelled")
        assert (await flows.end(shut)).status == "succeeded"


async def test_what_waits_for_a_person_keeps_what_it_works_with(tmp_path: Path) -> None:
    class Asking(Toolbox):
        """Tools that wait for a person before they begin."""

        async def call(self, run: str, tool: str, arguments: Any, **more: Any) -> Any:
            await more["on_progress"](-300, None, "Waiting for approval.")
            return await super().call(run, tool, arguments, **more)

    toolbox = Asking()
    async with bench(str(tmp_path / "w.db"), toolbox=toolbox, places={"gpu": 1}) as flows:
        run = await flows.begin([action(name, "block", resources=["gpu"]) for name in "ab"])
        await flows.ledger.until(lambda: toolbox.named("block"))
        assert (await flows.run([action("c")])).status == "succeeded"
        assert len(toolbox.named("block")) == 1
        flows.ledger.want(run, "cancelled")
        assert (await flows.end(run)).status == "cancelled"


async def test_a_node_that_waits_for_a_place_says_for_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "TOLD_AFTER", 0.0)
    async with bench(str(tmp_path / "w.db"), places={"gpu": 1}) as flows:
        ledger, lead = flows.ledger, asyncio.Event()

        async def wait(_: dict[str, Any]) -> dict[str, Any]:
            await lead.wait()
            return done()

        flows.toolbox.tools["wait"] = wait
        run = await flows.begin([action(name, "wait", resources=["gpu"]) for name in "ab"])

        def said() -> list[str]:
            progress = [(ledger.nodes.get((run, name)) or {}).get("progress") for name in "ab"]
            return [each["message"] for each in progress if each]

        await ledger.until(lambda: said() and flows.toolbox.named("wait"))
        assert said() == ["waits for a place of the class 'gpu' (workflow_places)"]
        assert set(ledger.statuses(run).values()) == {"running"}, "it waits for no person"
        assert len(flows.toolbox.named("wait")) == 1
        lead.set()
        assert (await flows.end(run)).status == "succeeded"
        assert said() == [], "and not any more"


async def test_a_run_of_another_schema_says_what_to_do(flows: Bench) -> None:
    ended = await flows.run([action("a")], schema=99)
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error["code"] == "unsupported"


async def test_a_spec_that_cannot_be_read_ends_its_run(flows: Bench) -> None:
    ended = await flows.run([{"id": "a", "kind": "nonsense"}])
    assert ended.status == "failed"
    assert ended.error is not None
    assert "error id" in ended.error["message"]
