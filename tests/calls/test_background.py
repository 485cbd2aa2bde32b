from __future__ import annotations

import asyncio
import contextvars
import logging
import threading

import pytest

from jupyter_mcp.calls import supervisor
from jupyter_mcp.calls.events import Event, Events, ResourceUpdated
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor


async def test_the_executor_is_bounded_and_leaves_no_thread() -> None:
    executor = Executor(2, name="bounded")
    gate, inside, most, lock = threading.Event(), 0, 0, threading.Lock()
    two = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 2:
                loop.call_soon_threadsafe(two.set)
        gate.wait(10)
        with lock:
            inside -= 1

    waiting = [asyncio.ensure_future(executor.run(work)) for _ in range(6)]
    await two.wait()
    gate.set()
    await asyncio.gather(*waiting)
    assert most == 2
    executor.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("bounded")]


async def test_context_variables_reach_the_thread() -> None:
    executor = Executor(1)
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    name.set("ann")
    assert await executor.run(name.get) == "ann"
    executor.stop()


async def test_a_task_that_swallows_its_end_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "AGAIN_SECONDS", 0.01)
    tasks, told = Supervisor(), []

    async def stubborn() -> None:
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # as a library may do
                told.append(True)
        await asyncio.Event().wait()

    tasks.spawn("stubborn", stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.stop(), 30)
    assert len(told) == 2
    assert tasks.names == []


async def test_the_supervisor_cancels_and_awaits_everything() -> None:
    tasks = Supervisor()
    ended: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("stubborn")

    tasks.spawn("stubborn", stubborn())
    await asyncio.sleep(0)
    assert tasks.names == ["jupyter-mcp stubborn"]
    await tasks.stop()
    assert ended == ["stubborn"]
    assert tasks.names == []


async def test_a_failing_task_is_logged_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Supervisor()

    async def fail() -> None:
        raise RuntimeError("no luck")

    task = tasks.spawn("hapless", fail())
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert "'jupyter-mcp hapless' failed" in caplog.text


def test_one_bad_listener_does_not_starve_the_others(caplog: pytest.LogCaptureFixture) -> None:
    events, heard = Events(), list[Event]()

    def bad(_event: Event) -> None:
        raise RuntimeError("bad listener")

    events.subscribe(bad)
    unsubscribe = events.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        events.publish(ResourceUpdated("notebook://a"))
    unsubscribe()
    unsubscribe()
    events.publish(ResourceUpdated("notebook://b"))
    assert heard == [ResourceUpdated("notebook://a")]
    assert "listener" in caplog.text
