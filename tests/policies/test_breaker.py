from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jupyter_mcp.calls import Call, Result, Toolset, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.breaker import Breaker
from support.clock import Clock
from support.policies import Held, a_call, done, operation
from support.runtimes import call, running


def failing(error: BaseException) -> Any:
    async def following(_call: Call) -> Result:
        raise error

    return following


async def fail(breaker: Breaker, error: BaseException, made: Call | None = None) -> ToolError:
    with pytest.raises(type(error)):
        await breaker(made or a_call(), failing(error))
    return ToolError("", "")


async def refused(breaker: Breaker, made: Call | None = None) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await breaker(made or a_call(), done)
    return caught.value


INTERNAL = RuntimeError("broken")
UPSTREAM = ToolError("upstream", "It does not answer.")


@pytest.mark.parametrize("error", [INTERNAL, UPSTREAM, SystemExit(2)])
async def test_what_fails_again_and_again_is_left_alone(error: BaseException) -> None:
    clock = Clock()
    breaker = Breaker(3, 30, clock)
    for _ in range(3):
        await fail(breaker, error)
    clock.now += 10
    told = await refused(breaker)
    assert told.code == "unavailable"
    assert told.data == {"retry_after": 20}
    assert breaker.breakers() == [{"name": "t", "state": "open", "failures": 3, "retry_after": 20}]
    assert breaker.problems()[0][0] == "t"
    await breaker(a_call(operation("other")), done)


@pytest.mark.parametrize(
    "code", ["invalid_arguments", "not_found", "conflict", "forbidden", "timeout", "kernel_dead"]
)
async def test_what_the_caller_did_wrong_does_not_count(code: str) -> None:
    breaker = Breaker(1, 30, Clock())
    for _ in range(3):
        await fail(breaker, ToolError(code, "No."))
    assert breaker.breakers() == []


async def test_a_cell_that_raises_does_not_count() -> None:
    breaker = Breaker(1, 30, Clock())

    async def raised(_call: Call) -> Result:
        return Result(is_error=True)

    for _ in range(3):
        await breaker(a_call(), raised)
    assert not (await breaker(a_call(), done)).is_error


async def test_an_upstream_has_one_circuit_and_must_answer_in_time() -> None:
    breaker = Breaker(2, 30, Clock())
    first, second = (operation(name, upstream="files") for name in ("a", "b"))
    late = ToolError("timeout", "Too late.", data={"granted_by": "server"})
    impatient = ToolError("timeout", "Too late.", data={"granted_by": "client"})
    for _ in range(3):
        await fail(breaker, impatient, a_call(first))
    await fail(breaker, late, a_call(first))
    await fail(breaker, late, a_call(second))
    assert "'files'" in (await refused(breaker, a_call(first))).message
    await breaker(a_call(operation("a")), done)


async def test_a_success_forgets() -> None:
    breaker = Breaker(2, 30, Clock())
    for _ in range(4):
        await fail(breaker, INTERNAL)
        await breaker(a_call(), done)
    assert breaker.breakers() == []


async def test_one_call_at_a_time_tries_again() -> None:
    clock, held = Clock(), Held()
    told: list[tuple[str, str]] = []
    breaker = Breaker(1, 30, clock, lambda name, state: told.append((name, state)))
    await fail(breaker, INTERNAL)
    clock.now += 30
    assert breaker.breakers()[0]["state"] == "half_open"
    probe = a_call()
    task = asyncio.create_task(breaker(probe, held))
    await held.until(1)
    assert (await refused(breaker)).data == {"retry_after": 1}
    held.let_go(probe)
    await task
    await breaker(a_call(), done)
    assert told == [("t", "open"), ("t", "half_open"), ("t", "closed")]


async def test_a_try_that_is_cancelled_leaves_the_next_one_free() -> None:
    clock, held = Clock(), Held()
    breaker = Breaker(1, 30, clock)
    await fail(breaker, INTERNAL)
    clock.now += 30
    task = asyncio.create_task(breaker(a_call(), held))
    await held.until(1)
    task.cancel()
    await asyncio.wait({task})
    await breaker(a_call(), done)
    assert breaker.breakers() == []


class Circuits(RuleBasedStateMachine):
    """The breaker beside the simplest account of what it promises."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(3, 10, self.clock)
        self.failures = 0
        self.opened: float | None = None

    @rule(seconds=st.floats(0, 15, allow_nan=False))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def works(self) -> None:
        if self.may_pass:
            asyncio.run(self.breaker(a_call(), done))
            self.failures, self.opened = 0, None
        else:
            asyncio.run(refused(self.breaker))

    @rule()
    def breaks(self) -> None:
        if not self.may_pass:
            asyncio.run(refused(self.breaker))
            return
        asyncio.run(fail(self.breaker, INTERNAL))
        self.failures += 1
        if self.opened is not None or self.failures >= 3:
            self.opened = self.clock.now

    @rule()
    def is_misused(self) -> None:
        if self.may_pass:
            asyncio.run(fail(self.breaker, ToolError("not_found", "No.")))

    @property
    def may_pass(self) -> bool:
        return self.opened is None or self.clock.now - self.opened >= 10

    @invariant()
    def is_told(self) -> None:
        told = self.breaker.breakers()
        assert [each["failures"] for each in told] == ([self.failures] if self.failures else [])
        assert bool(self.breaker.problems()) == (self.opened is not None)


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


class Broken(Toolset):
    name = "broken"

    @tool(scope="read")
    async def broken(self) -> str:
        raise RuntimeError("secret")


async def test_a_broken_tool_is_told_among_the_problems(tmp_path: Path) -> None:
    async with running(tmp_path, Broken, breaker_failures=2) as runtime:
        for _ in range(2):
            assert (await call(runtime, "broken")).error.code == "internal"
        assert (await call(runtime, "broken")).error.code == "unavailable"
        assert [problem.plugin for problem in runtime.all_problems] == ["broken"]
