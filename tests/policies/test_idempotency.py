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
from jupyter_mcp.policies.stores import Processes
from jupyter_mcp.security.tokens.acting import RESULT_OF, WORKFLOW
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.notes import Notes
from jupyter_mcp.storage.sql_store import SqlStore
from support.clock import Clock
from support.policies import OTHER, Held, a_call, operation, turn
from support.runtimes import OWNER, running


class Dead:
    """Processes that are all gone."""

    def new_mark(self) -> str:
        return "it"

    def is_gone(self, mark: str) -> bool:
        return bool(mark)


class Watched(Notes):
    """Notes that tell when one is taken back."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.dropped = asyncio.Event()

    def drop(self, key: str) -> None:
        super().drop(key)
        self.dropped.set()


class Ground:
    """A store and servers beside each other on it."""

    def __init__(self, folder: Path) -> None:
        self.storage, self.clock = Storage(folder), Clock(1_000.0)
        self.store = SqlStore(self.storage, "one", self.clock)
        self.tasks = Supervisor()
        self.notes = Watched(folder)

    def server(
        self,
        redact: Callable[[Result], Result] = lambda r: r,
        processes: Processes | None = None,
        lease: float = 30.0,
    ) -> Idempotency:
        return Idempotency(
            lambda: self.store, self.notes, redact, self.tasks, lease=lease, processes=processes
        )

    def renewals(self) -> asyncio.Queue[str]:
        """Return what gets an entry whenever something is written over in the store."""
        set_, told = self.store.set, asyncio.Queue[str]()

        async def tell(space: str, key: str, value: bytes, seconds: float) -> None:
            await set_(space, key, value, seconds)
            told.put_nowait(key)

        self.store.set = tell  # type: ignore[method-assign]
        return told

    def store_hangs(self) -> asyncio.Event:
        """Have the store keep no more results; return what is set when it is asked to."""
        asked, set_ = asyncio.Event(), self.store.set

        async def hang(space: str, key: str, value: bytes, seconds: float) -> None:
            if b'"result"' in value:
                asked.set()
                await asyncio.Event().wait()
            await set_(space, key, value, seconds)

        self.store.set = hang  # type: ignore[method-assign]
        return asked

    async def stored(self) -> list[bytes]:
        """Return what the store has."""
        values = await self.storage.run(lambda c: c.exec_driver_sql("select value from entries"))
        return list(values.scalars())


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    yield made
    await made.tasks.stop()
    made.notes.close()
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


async def test_an_answer_that_is_given_again_says_which_run_has_called(ground: Ground) -> None:
    policy, rest = ground.server(), Counted(Result((Text("No."),), is_error=True))
    for run in ("wf-1", "wf-2"):
        call = a_call(meta={KEY: "k1", WORKFLOW: {"run": run, "node": "n"}})
        assert (await policy(call, rest)).meta[RESULT_OF] == "wf-1"
    assert rest.runs == 1


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
    with pytest.raises(ToolError, match="waited for other calls"):
        await ground.server()(keyed(timeout=0.01), rest)
    ground.clock.now += 31
    await ground.server()(keyed(), rest)
    assert rest.runs == 1
    task.cancel()
    await asyncio.wait({task})


async def test_a_long_call_keeps_its_key(ground: Ground) -> None:
    held, rest, renewals = Held(), Counted(), ground.renewals()
    first = asyncio.create_task(ground.server(lease=0.3)(keyed(), held))
    await held.until(1)
    async with asyncio.timeout(30):
        for _ in range(5):
            await renewals.get()
            ground.clock.now += 0.2
    with pytest.raises(ToolError, match="waited for other calls"):
        await ground.server()(keyed(timeout=0.01), rest)
    assert rest.runs == 0
    held.let_go(held.began[0])
    await first


async def test_a_result_is_kept_as_it_went_out(ground: Ground) -> None:
    def redact(result: Result) -> Result:
        return replace(result, content=(Text("[redacted]"),), structured=None)

    await ground.server(redact)(keyed(), Counted(Result((Text("hunter2"),), {"p": "hunter2"})))
    (stored,) = await ground.stored()
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


async def test_a_call_is_noted_before_anything_else_happens(ground: Ground) -> None:
    loop = asyncio.get_running_loop()
    noted: asyncio.Future[int] = loop.create_future()

    async def rest(_call: Call) -> Result:
        loop.call_soon(lambda: noted.set_result(len(ground.notes.all())))
        return Result((Text("done"),))

    ground.store_hangs()
    task = asyncio.create_task(ground.server()(keyed(), rest))
    assert await noted == 1
    task.cancel()
    await asyncio.wait({task})


async def test_what_a_dead_server_has_noted_is_not_done_again(ground: Ground) -> None:
    rest, asked = Counted(), ground.store_hangs()
    task = asyncio.create_task(ground.server(processes=Dead())(keyed(), rest))
    await asked.wait()
    await ground.tasks.stop()
    task.cancel()
    await asyncio.wait({task})
    del ground.store.set  # type: ignore[method-assign]
    again = ground.server(processes=Dead())
    with pytest.raises(ToolError, match="other arguments"):
        await again(keyed(values={"a": 2}), rest)
    assert (await again(keyed(), rest)).meta == {"own": "meta", REPLAYED: True}
    assert rest.runs == 1


async def test_a_note_that_came_while_the_key_was_taken_over_counts(ground: Ground) -> None:
    rest, claim = Counted(), ground.store.set_if_absent
    await ground.server()(keyed(), rest)
    (entry,) = await ground.stored()
    await ground.store.clear("idempotency")

    async def late(space: str, key: str, value: bytes, seconds: float) -> bool:
        ground.notes.put(key, entry)
        return await claim(space, key, value, seconds)

    ground.store.set_if_absent = late  # type: ignore[method-assign]
    assert REPLAYED in (await ground.server()(keyed(), rest)).meta
    assert (rest.runs, ground.notes.all(), await ground.stored()) == (1, [], [entry])


async def test_the_store_is_told_later_what_it_was_away_for(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp.policies.idempotency.SETTLE_SECONDS", (0.01, 0.02))
    set_, tries = ground.store.set, asyncio.Queue[int]()

    async def away(*_words: Any) -> None:
        tries.put_nowait(1)
        raise ToolError("unavailable", "Away.")

    ground.store.set = away  # type: ignore[method-assign]
    await ground.server()(keyed(), Counted())
    for _ in range(3):
        await tries.get()
    assert len(ground.notes.all()) == 1
    ground.store.set = set_  # type: ignore[method-assign]
    await ground.notes.dropped.wait()
    assert [b'"result"' in value for value in await ground.stored()] == [True]


async def test_what_the_store_refuses_while_it_is_told_other_things_is_told_too(
    ground: Ground,
) -> None:
    policy, set_, refused = ground.server(), ground.store.set, list[str]()

    async def comes_and_goes(space: str, key: str, value: bytes, seconds: float) -> None:
        if key == "a" * 64:
            await policy(keyed(), Counted())
        elif not refused:
            refused.append(key)
            raise ToolError("unavailable", "Away.")
        await set_(space, key, value, seconds)

    ground.store.set = comes_and_goes  # type: ignore[method-assign]
    ground.notes.put("a" * 64, b'{"arguments": "x", "result": null}')
    policy.start()
    async with asyncio.timeout(30):
        while ground.notes.all():
            await ground.notes.dropped.wait()
            ground.notes.dropped.clear()
    assert [b'"result"' in value for value in await ground.stored()] == [True, True]


async def test_a_server_that_starts_tells_the_store_what_was_noted(ground: Ground) -> None:
    ground.notes.put("b" * 64, b'{"arguments": "x", "re')  # as a full disk leaves it
    ground.notes.put("a" * 64, b'{"arguments": "x", "result": null}')
    ground.server().start()
    await ground.notes.dropped.wait()
    assert await ground.stored() == [b'{"arguments": "x", "result": null}']


async def test_a_result_that_takes_long_to_keep_is_noted_as_done_first(ground: Ground) -> None:
    noted: list[bytes | None] = []

    def redact(result: Result) -> Result:
        noted.extend(ground.notes.get(key) for key in ground.notes.all())
        return result

    await ground.server(redact)(keyed(), Counted(Result((Text("x" * 100_000),))))
    assert [json.loads(each or b"{}")["result"] for each in noted] == [None]


@pytest.mark.parametrize("cut_off", [b"", b'{"arguments": "x'])
async def test_a_note_that_was_cut_off_tells_that_it_was_done(
    ground: Ground, cut_off: bytes
) -> None:
    policy, rest, asked = ground.server(), Counted(), ground.store_hangs()
    task = asyncio.create_task(policy(keyed(), rest))
    await asked.wait()
    (key,) = ground.notes.all()
    ground.notes.put(key, cut_off)
    with pytest.raises(ToolError, match="was done, but its result was not kept"):
        await ground.server()(keyed(), rest)
    assert rest.runs == 1
    task.cancel()
    await asyncio.wait({task})


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
