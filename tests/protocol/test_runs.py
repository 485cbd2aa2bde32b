"""Suspended calls: how long they wait, how many there may be, and what a stop does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from jupyter_mcp.calls.call import InputRequest
from jupyter_mcp.calls.content import Result, Text
from jupyter_mcp.protocol.channel import WireChannel
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.protocol.request import Request
from jupyter_mcp.protocol.runs import PARKED_EACH, Question, Runs
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
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
        await last.cancelled.wait()
    await runs.stop()


async def test_one_caller_takes_no_more_than_their_share_of_the_questions() -> None:
    runs = Runs()
    for _ in range(PARKED_EACH):
        await begin(runs, Asking())
    refused = await runs.serve(REQUEST, BINDING, Asking())
    assert isinstance(refused, Result)
    assert refused.error is not None
    other = replace(REQUEST.caller, principal=Principal("token:other", "other"))
    asked = await runs.serve(replace(REQUEST, caller=other), BINDING, Asking())
    assert isinstance(asked, Question)
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
        async with asyncio.timeout(30):
            await cancelled.wait()
        began.clear()
        cancelled.clear()


async def test_questions_from_several_tasks_are_asked_one_after_the_other() -> None:
    async def work(channel: WireChannel) -> Result:
        found = await asyncio.gather(*(channel.ask({key: FORM}) for key in ("first", "second")))
        return Result((Text(" ".join(key for answers in found for key in answers)),))

    runs = Runs()
    state: str | None = None
    async with asyncio.timeout(30):
        for key in ("first", "second"):
            answers = {} if state is None else {"first": YES["key"]}
            asked = await runs.serve(REQUEST, BINDING, work, state=state, answers=answers)
            assert isinstance(asked, Question)
            assert list(asked.requests) == [key]
            state = asked.state
        done = await runs.serve(REQUEST, BINDING, work, state=state, answers={"second": YES["key"]})
    assert done == Result((Text("first second"),))
    await runs.stop()


class Withdrawing:
    """A call whose question is answered elsewhere; then it works on, and may ask again."""

    def __init__(self, *, asks_again: bool = False) -> None:
        self.elsewhere = asyncio.Event()
        self.withdrawn = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = asyncio.Event()
        self.runs = 0
        self._asks_again = asks_again

    def __call__(self, channel: WireChannel) -> Coroutine[Any, Any, Result]:
        """Begin."""
        return self._work(channel)

    async def _work(self, channel: WireChannel) -> Result:
        self.runs += 1
        asking = asyncio.create_task(channel.ask({"key": FORM}))
        await self.elsewhere.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        self.withdrawn.set()
        if self._asks_again:
            await channel.ask({"second": FORM})
        await self.go_on.wait()
        self.ended.set()
        return Result((Text(f"run {self.runs}"),))


@pytest.mark.parametrize("answers", [YES, {"key": {"action": "decline"}}, {}])
@pytest.mark.parametrize("is_over", [True, False])
async def test_the_client_gets_the_result_though_somebody_else_answered(
    answers: dict[str, Any], is_over: bool
) -> None:
    runs, work = Runs(), Withdrawing()
    asked = await runs.serve(REQUEST, BINDING, work)
    assert isinstance(asked, Question)
    work.elsewhere.set()
    async with asyncio.timeout(30):
        await work.withdrawn.wait()
        if is_over:
            work.go_on.set()
            await work.ended.wait()
        back = asyncio.create_task(
            runs.serve(REQUEST, BINDING, work, state=asked.state, answers=answers)
        )
        await asyncio.sleep(0)
        work.go_on.set()
        assert await back == Result((Text("run 1"),))
    with pytest.raises(MCPError, match="Send the call again"):
        await runs.serve(REQUEST, BINDING, work, state=asked.state, answers=answers)
    await runs.stop()


async def test_a_question_asked_while_the_client_was_away_is_not_answered_by_the_old_answer() -> (
    None
):
    runs, work = Runs(), Withdrawing(asks_again=True)
    asked = await runs.serve(REQUEST, BINDING, work)
    assert isinstance(asked, Question)
    work.elsewhere.set()
    work.go_on.set()
    async with asyncio.timeout(30):
        await work.withdrawn.wait()
        second = await runs.serve(REQUEST, BINDING, work, state=asked.state, answers=YES)
        assert isinstance(second, Question)
        assert list(second.requests) == ["second"]
        done = await runs.serve(
            REQUEST, BINDING, work, state=second.state, answers={"second": YES["key"]}
        )
    assert done == Result((Text("run 1"),))
    await runs.stop()


class Later:
    """Stands for the loop's ``call_later``: a test says when the time is over."""

    def __init__(self) -> None:
        self._due: dict[int, Callable[[], object]] = {}

    def __call__(self, _seconds: float, work: Callable[..., object], *words: object) -> Any:
        """Take note of what is to be done."""
        handle = SimpleNamespace(cancel=lambda: self._due.pop(id(handle), None))
        self._due[id(handle)] = partial(work, *words)
        return handle

    def pass_by(self) -> None:
        """Let the time of all that was noted be over."""
        assert self._due
        due, self._due = self._due, {}
        for each in due.values():
            each()


async def worked_on(runs: Runs, work: Withdrawing, later: Later) -> Question:
    """Let a call work on to its end without its client, which is asked, and return what."""
    asked = await runs.serve(REQUEST, BINDING, work)
    assert isinstance(asked, Question)
    work.elsewhere.set()
    async with asyncio.timeout(30):
        await work.withdrawn.wait()
        later.pass_by()
        work.go_on.set()
        await work.ended.wait()
    return asked


async def test_a_call_that_works_on_without_its_client_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, work, later = Runs(), Withdrawing(), Later()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", later)
    asked = await worked_on(runs, work, later)
    async with asyncio.timeout(30):
        done = await runs.serve(REQUEST, BINDING, work, state=asked.state, answers={})
    assert done == Result((Text("run 1"),))
    await runs.stop()


async def test_the_result_of_a_call_that_worked_on_is_kept_only_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, work, later = Runs(), Withdrawing(), Later()
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", later)
    asked = await worked_on(runs, work, later)
    await asyncio.sleep(0)  # its end is known
    later.pass_by()
    with pytest.raises(MCPError, match="Send the call again"):
        await runs.serve(REQUEST, BINDING, work, state=asked.state, answers={})
    await runs.stop()


@pytest.mark.parametrize("steps", range(1, 6))
async def test_a_question_withdrawn_at_once_loses_no_result(steps: int) -> None:
    async def work(channel: WireChannel) -> Result:
        asking = asyncio.create_task(channel.ask({"key": FORM}))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return Result((Text("done"),))

    runs = Runs()
    async with asyncio.timeout(30):
        answered = await runs.serve(REQUEST, BINDING, work)
        while isinstance(answered, Question):
            assert answered.requests
            await asyncio.sleep(0)
            answered = await runs.serve(REQUEST, BINDING, work, state=answered.state)
    assert answered == Result((Text("done"),))
