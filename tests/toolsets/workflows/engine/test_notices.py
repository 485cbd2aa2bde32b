"""Notices: people are told how a run has ended, whatever that is and whatever crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_mcp.errors import ToolError
from support.flows import Bench, Json, Toolbox, action, bench, done

PANEL = {"channel": "panel", "body": "${workflow.status} at '${workflow.error.node}'"}
TOLD = "workflow_notify"


def _spec(nodes: list[Json], *notify: Json, **more: Any) -> Json:
    return {"name": "test", "nodes": nodes, "notify": list(notify), **more}


def _bodies(flows: Bench) -> list[str]:
    return [each.arguments["body"] for each in flows.toolbox.named(TOLD)]


async def test_a_notice_is_sent_when_it_is_due_and_sees_what_there_is(flows: Bench) -> None:
    flows.toolbox.tools[TOLD] = lambda _: done()
    seen = "${nodes.a.output.n} ${nodes.later.output.n} ${workflow.error.message}"
    notices = [PANEL, {**PANEL, "on": ["succeeded"]}, {**PANEL, "body": seen, "on": ["failed"]}]
    nodes = [action("a", arguments={"n": 5}), action("bad", "fail", needs=["a"])]
    ended = await flows.run(_spec([*nodes, action("later", needs=["bad"])], *notices))
    assert ended.status == "failed"
    assert sorted(_bodies(flows)) == ["5 null No.", "failed at 'bad'"]
    assert [ended.nodes[f"notify[{index}]"] for index in range(3)] == [
        "succeeded",
        "skipped",
        "succeeded",
    ]
    ended = await flows.run(_spec([action("a")], *notices))
    assert (ended.status, _bodies(flows)[2:]) == ("succeeded", ["succeeded at ''"])


async def test_what_was_taken_back_is_told_when_it_is(flows: Bench) -> None:
    flows.toolbox.tools |= {TOLD: lambda _: done(), "undo": lambda _: done()}
    nodes = [action("a", compensate={"tool": "undo"}), action("bad", "fail", needs=["a"])]
    ended = await flows.run(_spec(nodes, PANEL))
    assert ended.status == "compensated"
    assert [each.tool for each in flows.toolbox.calls][-2:] == ["undo", TOLD]
    assert _bodies(flows) == ["compensated at 'bad'"]


async def test_a_notice_is_tried_again_and_its_failure_changes_nothing(tmp_path: Path) -> None:
    keys: list[str] = []

    async def send(to: str, subject: str, body: str, key: str) -> Mapping[str, Any]:
        del subject, body
        keys.append(key)
        if to.startswith("good") and len(keys) > 2:
            return {"to": to}
        raise ToolError("unavailable", "Nobody answers.")

    mail = {"channel": "email", "body": "${workflow.name}", "on": ["succeeded"]}
    retry = {"retry": {"attempts": 3, "delay": 0}}
    async with bench(str(tmp_path / "w.db"), senders={"email": send}) as flows:
        ended = await flows.run(_spec([action("a")], {**mail, "to": "good@x.org", **retry}))
        assert keys == [f"{ended.run}:notify[0]"] * 3
        assert ended.outputs["notify[0]"]["confirmed"] == {"to": "good@x.org"}
        ended = await flows.run(_spec([action("a")], {**mail, "to": "bad@x.org", **retry}))
        assert (ended.status, ended.nodes["notify[0]"]) == ("succeeded", "failed")


async def test_a_notice_is_sent_after_a_stop_in_the_middle_of_it(tmp_path: Path) -> None:
    arrived = asyncio.Event()

    async def hang(_: Json) -> Json:
        arrived.set()
        return await asyncio.get_running_loop().create_future()

    async with bench(str(tmp_path / "w.db"), toolbox=Toolbox({TOLD: hang})) as flows:
        run = await flows.begin(_spec([action("a"), action("bad", "fail", needs=["a"])], PANEL))
        await arrived.wait()
        await flows.stop()
        assert flows.ledger.status(run) == "running"
        flows.toolbox.tools[TOLD] = lambda _: done()
        await flows.start()
        ended = await flows.end(run)
        assert (ended.status, ended.nodes["notify[0]"]) == ("failed", "succeeded")
        assert [each.key for each in flows.toolbox.named(TOLD)] == [f"{run}:notify[0]"] * 2
        assert len(flows.toolbox.named("fail")) == 1


async def test_who_cancels_tells_nobody_and_a_run_that_is_over_stays_what_it_is(
    flows: Bench,
) -> None:
    flows.toolbox.tools[TOLD] = flows.toolbox.tools["block"]
    run = await flows.begin(_spec([action("a", "block")], PANEL))
    await flows.ledger.until(lambda: flows.toolbox.named("block"))
    flows.ledger.want(run, "cancelled")
    assert (await flows.end(run)).status == "cancelled"
    assert _bodies(flows) == []
    run = await flows.begin(_spec([action("bad", "fail")], PANEL))
    await flows.ledger.until(lambda: flows.toolbox.named(TOLD))
    flows.ledger.want(run, "cancelled")
    ended = await flows.end(run)
    assert (ended.status, ended.nodes["notify[0]"]) == ("failed", "cancelled")


async def test_only_the_outermost_workflow_tells(flows: Bench) -> None:
    flows.toolbox.tools[TOLD] = lambda _: done()
    inner = _spec([action("bad", "fail")], PANEL)
    ended = await flows.run([{"id": "sub", "kind": "subworkflow", "workflow": inner}])
    assert ended.status == "failed"
    assert _bodies(flows) == []
