"""Suspended calls: how long they wait, how many there may be, and what a stop does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from jupyter_mcp.calls.call import InputRequest
from jupyter_mcp.calls.content import Result, Text
from jupyter_mcp.protocol.channel import WireChannel
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.request import Request
from jupyter_mcp.protocol.runs import Question, Runs
from jupyter_mcp.security.principal import Principal

OWNER = Caller(principal=Principal(id="user:owner", name="owner"))
REQUEST = Request(OWNER, capabilities={"elicitation": {}})
BINDING = ("tools/call", "ask", {})
FORM = InputRequest("elicitation/create", {"message": "?", "requestedSchema": {"type": "object"}})
YES = {"key": {"action": "accept", "content": {}}}


class Asking:
    """A call that asks once; it notes when it was cancelled."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    def __call__(self, channel: WireChannel) -> Coroutine[Any, Any, Result]:
        """Begin."""
        return self._work(channel)

    async def _work(self, channel: WireChannel) -> Result:
        try:
            answers = await channel.ask({"key": FORM})
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Result((Text(answers["key"]["action"]),))


async def begin(runs: Runs, work: Asking) -> Question:
    """Begin a call that asks."""
    asked = await runs.serve(REQUEST, BINDING, work)
    assert isinstance(asked, Question)
    return asked


async def test_goes_on_where_it_was() -> None:
    runs = Runs()
    asked = await begin(runs, Asking())
    done = await runs.serve(REQUEST, BINDING, Asking(), state=asked.state, answers=YES)
    assert done == Result((Text("accept"),))
    await runs.stop()


async def test_question_that_nobody_answers_expires() -> None:
    runs, work = Runs(parked_seconds=0.02), Asking()
    asked = await begin(runs, work)
    async with asyncio.timeout(5):
        await work.cancelled.wait()
    with pytest.raises(MCPError, match="Send the call again"):
        await runs.serve(REQUEST, BINDING, work, state=asked.state, answers=YES)


async def test_too_many_questions() -> None:
    runs, last = Runs(parked_limit=1), Asking()
    await begin(runs, Asking())
    refused = await runs.serve(REQUEST, BINDING, last)
    assert isinstance(refused, Result)
    assert refused.error is not None
    assert refused.error.code == "unavailable"
    async with asyncio.timeout(5):
        await last.cancelled.wait()
    await runs.stop()


async def test_stop_cancels_what_is_suspended() -> None:
    runs, work = Runs(), Asking()
    await begin(runs, work)
    await runs.stop()
    assert work.cancelled.is_set()


async def test_answers_that_come_with_the_call_are_taken() -> None:
    runs = Runs()
    done = await runs.serve(REQUEST, BINDING, Asking(), answers=YES)
    assert done == Result((Text("accept"),))


async def test_client_that_goes_while_its_call_runs_cancels_it() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def work(channel: WireChannel) -> Result:
        del channel
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Result()

    for request in (REQUEST, Request(OWNER)):
        waiting = asyncio.create_task(Runs().serve(request, BINDING, work))
        await began.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(5):
            await cancelled.wait()
        began.clear()
        cancelled.clear()


async def test_questions_from_several_tasks_are_asked_one_after_the_other() -> None:
    async def work(channel: WireChannel) -> Result:
        found = await asyncio.gather(*(channel.ask({key: FORM}) for key in ("first", "second")))
        return Result((Text(" ".join(key for answers in found for key in answers)),))

    runs = Runs()
    state: str | None = None
    async with asyncio.timeout(5):
        for key in ("first", "second"):
            answers = {} if state is None else {"first": YES["key"]}
            asked = await runs.serve(REQUEST, BINDING, work, state=state, answers=answers)
            assert isinstance(asked, Question)
            assert list(asked.requests) == [key]
            state = asked.state
        done = await runs.serve(REQUEST, BINDING, work, state=state, answers={"second": YES["key"]})
    assert done == Result((Text("first second"),))
    await runs.stop()
