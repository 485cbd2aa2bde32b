from __future__ import annotations

import asyncio

import pytest

from jupyter_mcp.calls import Call, Result, SilentChannel, Text
from jupyter_mcp.calls.events import CallsChanged, Event, Events
from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.calls.schema import Signature
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies import CallLog
from support.runtimes import OWNER, READER


def a_call() -> Call:
    operation = Tool(
        name="t",
        toolset="ts",
        scope="read",
        function=lambda: None,
        signature=Signature("t", lambda: None),
    )
    return Call(operation, {"password": "hidden"}, OWNER, "test")


async def done(_call: Call) -> Result:
    return Result((Text("ok"),))


async def test_only_the_last_ended_calls_are_kept() -> None:
    log = CallLog(Events(), kept=3)
    calls = [a_call() for _ in range(5)]
    for each in calls:
        await log(each, done)
    assert list(log.recent) == [each.id for each in calls[2:]]
    assert log.total == 5
    with pytest.raises(ToolError, match="no call"):
        log.find(calls[0].id, OWNER.id)


async def test_a_call_is_its_principals_own() -> None:
    log = CallLog(Events())
    made = a_call()
    await log(made, done)
    assert log.find(made.id, None).call is made
    with pytest.raises(ToolError, match="no call"):
        log.find(made.id, READER.id)
    assert "hidden" not in str(log.find(made.id, OWNER.id).to_json())


async def test_an_ended_call_keeps_neither_arguments_nor_its_client() -> None:
    class Door(SilentChannel):
        can_ask = True

    log = CallLog(Events())
    made = a_call()
    made.channel = Door()
    await log(made, done)
    kept = log.find(made.id, None).call
    assert "hidden" not in repr(kept)
    assert not kept.channel.can_ask


async def test_start_and_end_are_told() -> None:
    events, heard = Events(), list[Event]()
    events.subscribe(heard.append)
    made = a_call()
    await CallLog(events)(made, done)
    assert heard == [CallsChanged(made.id)] * 2


async def test_cancelling_an_ended_call_leaves_it() -> None:
    log = CallLog(Events())
    made = a_call()
    await log(made, done)
    entry = log.find(made.id, None)
    entry.cancel()
    assert entry.status == "succeeded"


async def test_progress_is_shown_while_it_runs() -> None:
    log, began = CallLog(Events()), asyncio.Event()

    async def wait(_call: Call) -> Result:
        began.set()
        await asyncio.Event().wait()
        return Result()

    made = a_call()
    task = asyncio.create_task(log(made, wait))
    await began.wait()
    made.progress = (1, 3, "one")
    shown = log.running[made.id].to_json()
    assert shown["progress"] == {"done": 1, "total": 3, "message": "one"}
    task.cancel()
    await asyncio.wait({task})
    assert log.recent[made.id].status == "cancelled"
