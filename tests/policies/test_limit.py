from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Call, Context, Toolset, tool
from jupyter_mcp.config import Settings
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.limit import Limit
from jupyter_mcp.security.signals import Signal, Signals
from support.clock import Clock
from support.policies import CLIENT, OTHER, Held, a_call, done, operation, turn
from support.runtimes import OWNER, running


def limited(signals: Signals | None = None, **settings: Any) -> tuple[Limit, Clock]:
    clock = Clock()
    return Limit(Settings(**settings), signals or Signals(), clock), clock


async def refusal(limit: Limit, call: Call) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await limit(call, done)
    return caught.value


async def test_more_often_than_the_limit_is_refused_with_when_to_try_again() -> None:
    limit, clock = limited(rate_limits=(("t", "2/minute"),))
    await limit(a_call(), done)
    clock.now += 20
    await limit(a_call(), done)
    error = await refusal(limit, a_call())
    assert error.code == "rate_limited"
    assert error.data == {"retry_after": 40}
    assert "2 per 1 minute" in error.message
    assert error.remedy == "Try again in 40 s."
    clock.now += 40.1
    await limit(a_call(), done)


async def test_each_principal_and_each_tool_is_counted_for_itself() -> None:
    limit, _ = limited(rate_limits=(("*", "1/minute"),))
    await limit(a_call(), done)
    await limit(a_call(principal=OTHER), done)
    await limit(a_call(operation("u")), done)
    assert (await refusal(limit, a_call())).code == "rate_limited"


async def test_the_first_glob_that_fits_counts() -> None:
    limit, _ = limited(rate_limits=(("kernel_*", "1/minute"), ("*", "2/minute")))
    await limit(a_call(operation("kernel_x")), done)
    assert (await refusal(limit, a_call(operation("kernel_x")))).code == "rate_limited"
    for _ in range(2):
        await limit(a_call(operation("cell_x")), done)


async def test_the_owner_has_limits_of_their_own() -> None:
    limit, _ = limited(rate_limits=(("*", "1/minute"),))
    for _ in range(5):
        await limit(a_call(principal=OWNER), done)
    limit, _ = limited(rate_limits=(), owner_rate_limits=(("*", "1/minute"),))
    await limit(a_call(principal=OWNER), done)
    assert (await refusal(limit, a_call(principal=OWNER))).code == "rate_limited"
    for _ in range(5):
        await limit(a_call(), done)


@pytest.mark.parametrize("text", ["abc", "10/mnute", "", "ten per minute", "5/minute and more"])
async def test_a_limit_that_cannot_be_read_is_told_by_its_setting(text: str) -> None:
    limit, _ = limited(rate_limits=(("kernel_*", text), ("*", "1/minute")))
    (problem,) = limit.problems
    assert problem.startswith(f"JupyterMCP.rate_limits: '{text}' for 'kernel_*' is no limit")
    await limit(a_call(operation("kernel_x")), done)
    await limit(a_call(operation("kernel_x")), done)
    await limit(a_call(), done)
    assert (await refusal(limit, a_call())).code == "rate_limited"


async def test_each_refusal_is_a_signal_that_says_whose_it_was() -> None:
    told: list[Signal] = []
    signals = Signals()
    signals.subscribe(told.append)
    limit, _ = limited(signals, rate_limits=(("*", "1/minute"),))
    await limit(a_call(), done)
    for _ in range(500):
        await refusal(limit, a_call())
    assert signals.counts == {"rate_limited": 500}
    assert told[0].details["principal"] == CLIENT.id
    assert told[0].details["operation"] == "t"


async def test_calls_wait_in_order_and_more_are_refused() -> None:
    limit, _ = limited(max_running=2, max_waiting=2)
    held = Held()
    calls = [a_call() for _ in range(4)]
    tasks = [asyncio.create_task(limit(call, held)) for call in calls]
    await held.until(2)
    await turn()
    assert limit.bulkheads == {CLIENT.id: (2, 2)}
    error = await refusal(limit, a_call())
    assert error.code == "busy"
    assert error.data["retry_after"] >= 1
    await limit(a_call(principal=OTHER), done)
    held.let_go(calls[1])
    await held.until(3)
    assert held.began == [calls[0], calls[1], calls[2]]
    for number in (0, 2):
        held.let_go(calls[number])
    await held.until(4)
    held.let_go(calls[3])
    await asyncio.gather(*tasks)
    assert limit.bulkheads == {}
    assert "waited" in calls[3].notes


@pytest.mark.parametrize("hint", [{"read_only": True}, {"idempotent": True}])
async def test_looking_and_stopping_never_wait(hint: dict[str, bool]) -> None:
    limit, _ = limited(max_running=1, max_waiting=0)
    held, busy = Held(), a_call()
    task = asyncio.create_task(limit(busy, held))
    await held.until(1)
    for _ in range(3):
        await limit(a_call(operation("look", **hint)), done)
    assert limit.bulkheads == {CLIENT.id: (1, 0)}
    held.let_go(busy)
    await task


async def test_who_is_cancelled_leaves_the_line() -> None:
    limit, _ = limited(max_running=1, max_waiting=5)
    held = Held()
    calls = [a_call() for _ in range(3)]
    tasks = [asyncio.create_task(limit(call, held)) for call in calls]
    await held.until(1)
    await turn()
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    assert limit.bulkheads == {CLIENT.id: (1, 1)}
    held.let_go(calls[0])
    await held.until(2)
    assert held.began[-1] is calls[2]
    tasks[2].cancel()
    await asyncio.wait(tasks)
    assert limit.bulkheads == {}


async def test_a_turn_that_comes_with_the_cancellation_is_passed_on() -> None:
    limit, _ = limited(max_running=1, max_waiting=5)
    held = Held()
    calls = [a_call() for _ in range(3)]
    tasks = [asyncio.create_task(limit(call, held)) for call in calls]
    await held.until(1)
    await turn()
    tasks[0].cancel()
    await asyncio.sleep(0)
    tasks[1].cancel()
    await held.until(2)
    assert held.began[-1] is calls[2]
    held.let_go(calls[2])
    await asyncio.wait(tasks)
    assert limit.bulkheads == {}


async def test_a_client_that_grants_little_time_does_not_wait_longer() -> None:
    limit, _ = limited(max_running=1)
    held, busy = Held(), a_call()
    task = asyncio.create_task(limit(busy, held))
    await held.until(1)
    error = await refusal(limit, a_call(timeout=0.01))
    assert error.code == "timeout"
    assert limit.bulkheads == {CLIENT.id: (1, 0)}
    held.let_go(busy)
    await task


class Nest(Toolset):
    name = "nest"

    @tool(scope="execute")
    async def outer(self, ctx: Context, depth: int) -> str:
        if depth == 0:
            return "bottom"
        inner = await ctx.call("outer", {"depth": depth - 1})
        if inner.error is not None:
            raise inner.error
        return "done"


async def test_calls_from_within_a_call_never_wait_for_it(tmp_path: Path) -> None:
    async with (
        running(tmp_path, Nest, max_running=1, max_waiting=8) as runtime,
        asyncio.timeout(30),
    ):
        calls = [
            runtime.call_tool(
                "outer",
                {"depth": 5},
                OWNER,
                "test",
                selection=runtime.catalog.selection("all"),
            )
            for _ in range(4)
        ]
        results = await asyncio.gather(*calls)
    assert not any(result.is_error for result in results), results


async def test_calls_from_within_a_call_count(tmp_path: Path) -> None:
    limits = (("*", "3/minute"),)
    async with running(tmp_path, Nest, owner_rate_limits=limits) as runtime:
        result = await runtime.call_tool(
            "outer", {"depth": 5}, OWNER, "test", selection=runtime.catalog.selection("all")
        )
    assert result.error is not None
    assert result.error.code == "rate_limited"


async def test_a_server_with_a_bad_limit_starts_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, rate_limits=(("*", "often"),)) as runtime:
        (problem,) = runtime.all_problems
    assert "JupyterMCP.rate_limits: 'often' for '*'" in problem.reason
