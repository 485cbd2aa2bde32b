from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Call, Context, Image, Result, Text, Toolset, tool
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies.idempotency import KEY, REPLAYED, Idempotency
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.sql_store import SqlStore
from support.policies import OTHER, Held, a_call, operation, turn
from support.runtimes import OWNER, running


class Ground:
    """A store and servers beside each other on it."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage(folder)
        self.store = SqlStore(self.storage, "one")
        self.tasks = Supervisor()

    def server(self, redact: Callable[[Result], Result] = lambda r: r) -> Idempotency:
        return Idempotency(lambda: self.store, redact, self.tasks, lease=0.6)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    yield made
    await made.tasks.stop()
    made.storage.stop()


class Counted:
    """The rest of a corridor that counts how often it was reached."""

    def __init__(self, result: Result | None = None) -> None:
        self.runs = 0
        self.result = result or Result((Text("done"),), {"n": 1}, meta={"own": "meta"})

    async def __call__(self, _call: Call) -> Result:
        self.runs += 1
        return self.result


def keyed(key: Any = "k1", **options: Any) -> Call:
    return a_call(meta={KEY: key}, **options)


async def test_a_key_is_done_once_and_answered_again(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()
    first = await policy(keyed(values={"a": 1, "b": [2]}), rest)
    again = keyed(values={"b": [2], "a": 1})
    second = await policy(again, rest)
    third = await ground.server()(keyed(values={"a": 1, "b": [2]}), rest)
    assert rest.runs == 1
    assert REPLAYED not in first.meta
    for result in (second, third):
        assert result.meta == {"own": "meta", REPLAYED: True}
        assert result.to_json() == first.to_json()
    assert again.notes == {"replayed": True}


async def test_without_a_key_everything_is_done(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()
    for _ in range(2):
        await policy(a_call(), rest)
        await policy(keyed(parent="outer"), rest)
    assert rest.runs == 4


async def test_other_arguments_are_a_conflict(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()
    await policy(keyed(values={"a": 1}), rest)
    with pytest.raises(ToolError, match="other arguments") as caught:
        await policy(keyed(values={"a": 2}), rest)
    assert caught.value.code == "conflict"


async def test_a_key_is_its_principals_and_its_tools_own(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()
    await policy(keyed(), rest)
    await policy(keyed(principal=OTHER), rest)
    await policy(keyed(tool=operation("u")), rest)
    assert rest.runs == 3


@pytest.mark.parametrize("key", ["", 7, "x" * 201, "new\nline", ["k"]])
async def test_a_key_that_is_none_is_refused(ground: Ground, key: Any) -> None:
    with pytest.raises(ToolError, match="1 to 200") as caught:
        await ground.server()(keyed(key), Counted())
    assert caught.value.code == "invalid_arguments"


@pytest.mark.parametrize("apart", [False, True], ids=["one server", "two servers"])
async def test_the_second_waits_for_the_first(ground: Ground, apart: bool) -> None:
    held, here = Held(), ground.server()
    there = ground.server() if apart else here
    first = asyncio.create_task(here(keyed(), held))
    await held.until(1)
    second = asyncio.create_task(there(keyed(), held))
    with pytest.raises(ToolError, match="other arguments"):
        await there(keyed(values={"a": 2}), held)
    await turn()
    assert not second.done()
    held.let_go(held.began[0])
    assert (await second).content == (await first).content
    assert len(held.began) == 1


async def test_who_waits_is_not_kept_longer_than_granted(ground: Ground) -> None:
    held, policy = Held(), ground.server()
    first = asyncio.create_task(policy(keyed(), held))
    await held.until(1)
    with pytest.raises(ToolError, match="waited for other calls") as caught:
        await policy(keyed(timeout=0.01), held)
    assert caught.value.code == "timeout"
    held.let_go(held.began[0])
    await first


@pytest.mark.parametrize("apart", [False, True], ids=["one server", "two servers"])
async def test_when_the_first_is_cancelled_the_second_does_it(ground: Ground, apart: bool) -> None:
    held, here = Held(), ground.server()
    there = ground.server() if apart else here
    first = asyncio.create_task(here(keyed(), held))
    await held.until(1)
    second = asyncio.create_task(there(keyed(), held))
    await turn()
    first.cancel()
    await held.until(2)
    assert first.cancelled()
    held.let_go(held.began[1])
    assert not (await second).is_error


async def test_a_call_that_failed_may_be_repeated(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()

    async def fails(_call: Call) -> Result:
        raise ToolError("not_found", "No.")

    with pytest.raises(ToolError, match="No"):
        await policy(keyed(), fails)
    inner = Counted(Result.from_error(ToolError("conflict", "Inner.")))
    assert (await policy(keyed(), inner)).is_error
    await policy(keyed(), rest)
    assert rest.runs == 1


async def test_a_failure_that_was_done_is_kept(ground: Ground) -> None:
    policy, rest = ground.server(), Counted(Result((Text("ZeroDivisionError"),), is_error=True))
    for _ in range(2):
        assert (await policy(keyed(), rest)).is_error
    assert rest.runs == 1


async def test_a_server_that_died_gives_its_key_free(ground: Ground) -> None:
    held, rest = Held(), Counted()
    dead = ground.server()
    task = asyncio.create_task(dead(keyed(), held))
    await held.until(1)
    await ground.tasks.stop()
    await ground.server()(keyed(), rest)
    assert rest.runs == 1
    task.cancel()
    await asyncio.wait({task})


async def test_a_long_call_keeps_its_key(ground: Ground) -> None:
    held, rest = Held(), Counted()
    first = asyncio.create_task(ground.server()(keyed(), held))
    await held.until(1)
    with pytest.raises(ToolError, match="waited for other calls"):
        await ground.server()(keyed(timeout=1.5), rest)
    assert rest.runs == 0
    held.let_go(held.began[0])
    await first


async def test_a_result_is_kept_as_it_went_out(ground: Ground) -> None:
    def redact(result: Result) -> Result:
        return replace(result, content=(Text("[redacted]"),), structured=None)

    await ground.server(redact)(keyed(), Counted(Result((Text("hunter2"),), {"p": "hunter2"})))
    stored = await ground.storage.run(
        lambda c: c.exec_driver_sql("select value from entries").scalar_one()
    )
    assert b"hunter2" not in stored
    assert json.loads(stored)["result"]["content"][0]["text"] == "[redacted]"


@pytest.mark.parametrize(
    ("tool_of", "result"),
    [
        (operation("t", secret_output=True), Result((Text("new token"),))),
        (operation(), Result((Image(b"x" * 5 * 2**20),))),
    ],
    ids=["secret", "too large"],
)
async def test_what_is_not_kept_is_still_done_once(
    ground: Ground, tool_of: Any, result: Result
) -> None:
    policy, rest = ground.server(), Counted(result)
    await policy(keyed(tool=tool_of), rest)
    with pytest.raises(ToolError, match="was done, but its result was not kept"):
        await ground.server()(keyed(tool=tool_of), rest)
    assert rest.runs == 1


async def test_while_the_store_is_away_a_key_is_refused_and_nothing_is_done(
    ground: Ground,
) -> None:
    policy, rest = ground.server(), Counted()
    await policy(keyed(), rest)
    await ground.storage.run(lambda c: c.exec_driver_sql("drop table entries"))
    with pytest.raises(ToolError) as caught:
        await policy(keyed("k2"), rest)
    assert caught.value.code == "unavailable"
    assert rest.runs == 1


async def test_a_store_that_goes_while_the_call_runs_makes_nothing_be_done_twice(
    ground: Ground,
) -> None:
    policy, runs = ground.server(), []

    async def breaks(_call: Call) -> Result:
        runs.append(1)
        await ground.storage.run(lambda c: c.exec_driver_sql("drop table entries"))
        return Result((Text("done"),))

    assert not (await policy(keyed(), breaks)).is_error
    assert (await policy(keyed(), breaks)).meta == {REPLAYED: True}
    assert runs == [1]


async def test_a_call_cancelled_when_it_was_done_is_kept(ground: Ground) -> None:
    policy, rest = ground.server(), Counted()
    begun = asyncio.Event()
    store_set = ground.store.set

    async def slow(*words: Any) -> None:
        begun.set()
        await turn(20)
        await store_set(*words)

    ground.store.set = slow  # type: ignore[method-assign]
    task = asyncio.create_task(policy(keyed(), rest))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert REPLAYED in (await policy(keyed(), rest)).meta
    assert rest.runs == 1


class Nest(Toolset):
    name = "nest"
    runs = 0

    @tool(scope="execute")
    async def outer(self, ctx: Context) -> str:
        for number in range(2):
            await ctx.call("inner", {"number": number})
        return "done"

    @tool(scope="execute")
    async def inner(self, number: int) -> int:
        type(self).runs += 1
        return number


async def test_a_key_is_for_the_whole_of_a_call(tmp_path: Path) -> None:
    async with running(tmp_path, Nest) as runtime:
        for _ in range(2):
            result = await runtime.call_tool(
                "outer",
                {},
                OWNER,
                "test",
                selection=runtime.catalog.selection("all"),
                meta={KEY: "k"},
            )
            assert not result.is_error
    assert Nest.runs == 2
