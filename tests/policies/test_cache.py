from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Call, Context, Result, Text, Toolset, resource, tool
from jupyter_mcp.calls.events import (
    CallsChanged,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
)
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.cache import AGE, CACHED, Cache
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.sql_store import SqlStore
from support.clock import Clock
from support.policies import CLIENT, OTHER, Held, a_call, operation, turn
from support.runtimes import call, running

SCHEMES = {"notes": frozenset({"note"}), "blind": frozenset[str]()}


class Ground:
    """Caches of several servers beside each other."""

    def __init__(self) -> None:
        self.tasks = Supervisor()
        self.clock = Clock()

    def cache(self, memory: int = 2**20) -> Cache:
        return Cache(
            lambda principal: principal.scopes,
            lambda toolset: SCHEMES[toolset],
            lambda result: result,
            self.tasks,
            memory=memory,
            clock=self.clock,
        )


@pytest.fixture
async def ground() -> AsyncIterator[Ground]:
    made = Ground()
    yield made
    await made.tasks.stop()


def of_caller(ctx: Context) -> None:
    """What a tool does that knows who calls."""
    del ctx


def asked(toolset: str = "notes", seconds: float = 60, **options: Any) -> Call:
    function = options.pop("function", lambda: None)
    meta = options.pop("meta", {})
    tool_asked = operation(
        "t", toolset=toolset, cacheable_for=seconds, function=function, meta=meta, scope="read"
    )
    return a_call(tool_asked, **options)


class Counted:
    """The rest of a corridor, which answers with a number that grows."""

    def __init__(self, text: str = "") -> None:
        self.runs = 0
        self.text = text

    async def __call__(self, _call: Call) -> Result:
        self.runs += 1
        return Result((Text(f"{self.runs} {self.text}"),), {"n": self.runs}, meta={"own": 1})


async def test_a_result_is_served_again_for_its_time(ground: Ground) -> None:
    cache, rest = ground.cache(), Counted()
    first = await cache(asked(values={"a": 1, "b": 2}), rest)
    ground.clock.now += 59
    again = asked(values={"b": 2, "a": 1})
    second = await cache(again, rest)
    assert second.structured == first.structured
    assert second.meta == {"own": 1, CACHED: True, AGE: 59}
    assert first.meta == {"own": 1}
    assert again.notes == {"cached": True}
    ground.clock.now += 2
    assert (await cache(asked(values={"a": 1, "b": 2}), rest)).structured == {"n": 2}


async def test_what_differs_is_not_served(ground: Ground) -> None:
    cache, rest = ground.cache(), Counted()
    viewer = replace(CLIENT, scopes=frozenset({"read"}))
    for made in (asked(), asked(values={"a": 1}), asked("blind"), asked(principal=viewer)):
        await cache(made, rest)
    assert rest.runs == 4


async def test_those_who_see_the_same_share_unless_the_tool_knows_who_calls(
    ground: Ground,
) -> None:
    cache, rest = ground.cache(), Counted()
    await cache(asked(), rest)
    await cache(asked(principal=OTHER), rest)
    assert rest.runs == 1
    await cache(asked(function=of_caller), rest)
    await cache(asked(function=of_caller, principal=OTHER), rest)
    assert rest.runs == 3


@pytest.mark.parametrize(
    "made",
    [
        lambda: asked(seconds=0),
        a_call,
        lambda: a_call(operation(cacheable_for=60, secret_output=True)),
    ],
    ids=["no time", "not cacheable", "secret"],
)
async def test_what_may_not_be_kept_is_not(ground: Ground, made: Any) -> None:
    cache, rest = ground.cache(), Counted()
    for _ in range(2):
        await cache(made(), rest)
    assert rest.runs == 2


async def test_failures_are_not_kept(ground: Ground) -> None:
    cache, runs = ground.cache(), []

    async def fails(_call: Call) -> Result:
        runs.append(1)
        if len(runs) % 2:
            raise ToolError("conflict", "No.")
        return Result((Text("no"),), is_error=True)

    for _ in range(2):
        with pytest.raises(ToolError):
            await cache(asked(), fails)
        assert (await cache(asked(), fails)).is_error
    assert len(runs) == 4


@pytest.mark.parametrize(
    ("event", "toolset", "text", "stale"),
    [
        (ResourceUpdated("note://a"), "notes", "", True),
        (ResourceUpdated("file://a"), "notes", "", False),
        (ResourceUpdated("file://a"), "blind", "", True),
        (ResourceUpdated("file://a"), "notes", "see file://a for more", True),
        (ResourceUpdated("file://a"), "notes", "see file://ab for more", False),
        (ResourcesChanged(), "notes", "", True),
        (ToolsChanged(), "notes", "", True),
        (PromptsChanged(), "notes", "", False),
        (CallsChanged("x"), "notes", "", False),
    ],
)
async def test_changes_take_results_away(
    ground: Ground, event: Any, toolset: str, text: str, stale: bool
) -> None:
    cache, rest = ground.cache(), Counted(text)
    await cache(asked(toolset), rest)
    cache.changed(event)
    result = await cache(asked(toolset), rest)
    assert (rest.runs == 2) == stale
    assert (CACHED not in result.meta) == stale


async def test_an_argument_that_names_what_changed_counts(ground: Ground) -> None:
    cache, rest = ground.cache(), Counted()
    await cache(asked(values={"uri": "file://a"}), rest)
    cache.changed(ResourceUpdated("file://a"))
    await cache(asked(values={"uri": "file://a"}), rest)
    assert rest.runs == 2


@pytest.mark.parametrize(
    ("event", "values"),
    [
        (ResourceUpdated("note://a"), {}),
        (ResourceUpdated("file://a"), {"uri": "file://a"}),
        (ResourcesChanged(), {}),
    ],
)
async def test_what_was_on_its_way_when_something_changed_is_not_kept(
    ground: Ground, event: Any, values: dict[str, str]
) -> None:
    cache, held, rest = ground.cache(), Held(), Counted()
    early = asyncio.create_task(cache(asked(values=values), held))
    await held.until(1)
    ground.clock.now += 1
    cache.changed(event)
    late = await cache(asked(values=values), rest)
    held.let_go(held.began[0])
    await early
    assert late.structured == {"n": 1}
    assert (await cache(asked(values=values), rest)).structured == {"n": 1}


async def test_a_late_result_that_names_what_changed_is_not_kept(ground: Ground) -> None:
    cache, gate, rest = ground.cache(), asyncio.Event(), Counted()

    async def named(_call: Call) -> Result:
        await gate.wait()
        return Result((Text("see file://a"),))

    early = asyncio.create_task(cache(asked(), named))
    await turn()
    cache.changed(ResourceUpdated("file://a"))
    gate.set()
    await early
    assert (await cache(asked(), rest)).structured == {"n": 1}


async def test_ten_equal_calls_run_once(ground: Ground) -> None:
    cache, held = ground.cache(), Held()
    tasks = [asyncio.create_task(cache(asked(), held)) for _ in range(10)]
    await held.until(1)
    await turn()
    held.let_go(held.began[0])
    results = await asyncio.gather(*tasks)
    assert len(held.began) == 1
    assert len({result.content for result in results}) == 1
    assert sum(CACHED in result.meta for result in results) == 9


async def test_a_cancelled_leader_cancels_nobody_else(ground: Ground) -> None:
    cache, held = ground.cache(), Held()
    tasks = [asyncio.create_task(cache(asked(), held)) for _ in range(4)]
    await held.until(1)
    tasks[0].cancel()
    tasks[2].cancel()
    await held.until(2)
    await turn()
    held.let_go(held.began[1])
    await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [True, False, True, False]
    assert len(held.began) == 2


async def test_the_failure_of_the_first_is_told_to_all(ground: Ground) -> None:
    cache, gate, runs = ground.cache(), asyncio.Event(), []

    async def fails(_call: Call) -> Result:
        runs.append(1)
        await gate.wait()
        raise ToolError("conflict", "No.")

    tasks = [asyncio.create_task(cache(asked(), fails)) for _ in range(5)]
    await turn()
    gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [str(error) for error in done] == ["No."] * 5
    assert len(runs) == 1


async def test_the_first_ones_little_time_is_its_own(ground: Ground) -> None:
    cache, gate, rest = ground.cache(), asyncio.Event(), Counted()

    async def late(_call: Call) -> Result:
        await gate.wait()
        raise ToolError("timeout", "Too late.")

    first = asyncio.create_task(cache(asked(), late))
    await turn()
    second = asyncio.create_task(cache(asked(), rest))
    await turn()
    with pytest.raises(ToolError, match="waited"):
        await cache(asked(timeout=0.01), rest)
    gate.set()
    with pytest.raises(ToolError, match="Too late"):
        await first
    assert (await second).structured == {"n": 1}


async def clean(cache: Cache, toolset: str = "notes") -> None:
    """Let a cache take out what was in the store before it came."""
    cache._changes.setdefault(toolset, 0)
    while not cache._is_clean(toolset):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)


async def test_servers_share_results_and_take_them_away_for_each_other(
    ground: Ground, tmp_path: Path
) -> None:
    storage = Storage(tmp_path)
    here, there = ground.cache(), ground.cache()
    for cache in (here, there):
        cache.share(SqlStore(storage, "one"), with_others=True)
        await clean(cache)
    rest = Counted()
    await here(asked(), rest)
    ground.clock.now += 3
    shared = await there(asked(), rest)
    assert rest.runs == 1
    assert shared.meta == {"own": 1, CACHED: True, AGE: 3}
    there.changed(ResourceUpdated("note://a"))
    await there(asked(), rest)
    assert rest.runs == 2
    await clean(there)
    ground.clock.now += 6
    await here(asked(), rest)
    assert rest.runs == 3
    storage.stop()


async def test_a_shared_result_that_names_what_changed_is_not_taken(
    ground: Ground, tmp_path: Path
) -> None:
    storage = Storage(tmp_path)
    here, there = ground.cache(), ground.cache()
    for cache in (here, there):
        cache.share(SqlStore(storage, "one"), with_others=True)
        await clean(cache)
    rest = Counted("file://a")
    await here(asked(), rest)
    there.changed(ResourceUpdated("file://a"))
    await there(asked(), rest)
    assert rest.runs == 2
    storage.stop()


async def test_what_lay_there_before_is_not_trusted(ground: Ground, tmp_path: Path) -> None:
    storage, rest = Storage(tmp_path), Counted()
    before, after = ground.cache(), ground.cache()
    before.share(SqlStore(storage, "one"), with_others=False)
    await clean(before)
    await before(asked(), rest)
    after.share(SqlStore(storage, "one"), with_others=False)
    await after(asked(), rest)
    assert rest.runs == 2
    storage.stop()


async def test_a_store_that_fails_costs_nothing_but_its_help(
    ground: Ground, tmp_path: Path
) -> None:
    storage, rest = Storage(tmp_path), Counted()
    cache = ground.cache()
    cache.share(SqlStore(storage, "one"), with_others=False)
    await clean(cache)
    await storage.run(lambda c: c.exec_driver_sql("drop table entries"))
    await cache(asked(), rest)
    await cache(asked(), rest)
    assert rest.runs == 1
    storage.stop()


class Notes(Toolset):
    name = "notes"
    runs = 0

    @tool(scope="read", cacheable_for=60)
    async def note_count(self) -> int:
        self.runs += 1
        return self.runs

    @tool(scope="edit")
    async def note_write(self, ctx: Context) -> str:
        del ctx
        self.host.events.publish(ResourceUpdated("note://a"))
        return "written"

    @resource("note://{name}")
    async def note(self, name: str) -> str:
        return name


async def test_in_a_runtime_a_change_is_seen(tmp_path: Path) -> None:
    async with running(tmp_path, Notes) as runtime:
        counts = [(await call(runtime, "note_count")).structured for _ in range(2)]
        await call(runtime, "note_write")
        runtime.events.publish(ResourceUpdated("notebook://other"))
        last = await call(runtime, "note_count")
        again = await call(runtime, "note_count")
    assert counts == [{"result": 1}] * 2
    assert last.structured == again.structured == {"result": 2}
    assert again.meta[CACHED] is True


def test_view_keys_are_the_same_in_all_processes() -> None:
    from jupyter_mcp.policies.cache import _stable

    key: Hashable = (("a",), frozenset({"x", "y", "z"}), None)
    assert _stable(key) == "(('a'),{'x','y','z'},None)"
