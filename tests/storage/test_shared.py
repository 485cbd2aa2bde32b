from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.storage import Storage
from jupyter_mcp.storage.redis import RedisLink, RedisStore
from jupyter_mcp.storage.shared import Shared
from jupyter_mcp.storage.sql_store import SqlStore, namespace_of
from jupyter_mcp.storage.tables import entries
from support.clock import Clock
from support.redis import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


Store = SqlStore | RedisStore


@asynccontextmanager
async def linked(url: str, namespace: str = "one") -> AsyncIterator[RedisLink]:
    tasks = Supervisor()
    link = RedisLink(url, namespace, tasks)
    link.prepare()
    await link.start()
    try:
        yield link
    finally:
        await tasks.stop()
        await link.stop()


@asynccontextmanager
async def stores(kind: str, folder: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores of one kind, of two different servers in one place."""
    if kind == "sql":
        storage = Storage(folder)
        yield SqlStore(storage, "one"), SqlStore(storage, "two")
        storage.stop()
        return
    with RedisServer(folder) as server:
        async with linked(server.url, "one") as one, linked(server.url, "two") as two:
            yield RedisStore(one), RedisStore(two)


@pytest.mark.parametrize("kind", ["sql", "redis"])
async def test_a_store_keeps_what_it_is_told(kind: str, tmp_path: Path) -> None:
    async with stores(kind, tmp_path) as (store, _):
        assert await store.get("s", "k") is None
        await store.set("s", "k", b"\x00one", 60)
        assert await store.get("s", "k") == b"\x00one"
        await store.set("s", "k", b"two", 60)
        assert await store.get("s", "k") == b"two"
        assert await store.get("other", "k") is None
        assert not await store.delete("s", "k", b"one")
        assert await store.delete("s", "k", b"two")
        assert not await store.delete("s", "k")


@pytest.mark.parametrize("kind", ["sql", "redis"])
async def test_only_one_of_many_gets_what_is_free(kind: str, tmp_path: Path) -> None:
    async with stores(kind, tmp_path) as (store, _):
        tries = [store.set_if_absent("s", "k", b"%d" % n, 60) for n in range(20)]
        assert sum(await asyncio.gather(*tries)) == 1
        assert not await store.set_if_absent("s", "k", b"late", 60)
        await store.set("s", "k", b"last", 0.01)
        async with asyncio.timeout(30):
            while not await store.set_if_absent("s", "k", b"next", 60):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert await store.get("s", "k") == b"next"


@pytest.mark.parametrize("kind", ["sql", "redis"])
async def test_two_servers_share_nothing_and_a_space_is_cleared(kind: str, tmp_path: Path) -> None:
    async with stores(kind, tmp_path) as (mine, theirs):
        for store in (mine, theirs):
            for number in range(5):
                await store.set("s", f"k{number}", b"x", 60)
            await store.set("kept", "k", b"x", 60)
        await mine.clear("s")
        assert await mine.get("s", "k1") is None
        assert await mine.get("kept", "k") == b"x"
        assert await theirs.get("s", "k1") == b"x"


async def test_expired_entries_are_swept(tmp_path: Path) -> None:
    storage, clock = Storage(tmp_path), Clock()
    store = SqlStore(storage, "one", clock)
    await store.set("s", "short", b"x", 10)
    await store.set("s", "long", b"x", 100)
    clock.now += 50
    assert await store.get("s", "short") is None
    assert await store.sweep() == 1
    count = select(func.count()).select_from(entries)
    assert await storage.run(lambda c: c.execute(count).scalar_one()) == 1
    clock.now += 100
    await SqlStore(storage, "two", clock).set("s", "k", b"x", 10)
    assert await storage.run(lambda c: c.execute(count).scalar_one()) == 1
    storage.stop()


async def test_a_database_that_fails_says_so(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    store = SqlStore(storage, "one")
    await store.set("s", "k", b"x", 10)
    await storage.run(lambda c: c.exec_driver_sql("drop table entries"))
    with pytest.raises(ToolError) as caught:
        await store.get("s", "k")
    assert caught.value.code == "unavailable"
    storage.stop()


async def test_redis_goes_and_comes_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with linked(redis_server.url) as link:
        store = RedisStore(link)
        await store.set("s", "k", b"x", 60)
        redis_server.kill()
        with caplog.at_level(logging.WARNING):
            for _ in range(20):
                with pytest.raises(ToolError) as caught:
                    await store.get("s", "k")
        assert caught.value.code == "unavailable"
        assert caught.value.data["transient"] is True
        assert [r.message[:22] for r in caplog.records] == ["Redis cannot be used ("]
        redis_server.start()
        async with asyncio.timeout(30):
            while not link.is_up:  # noqa: ASYNC110 - what a call would look at
                await asyncio.sleep(0.02)
        await store.set("s", "k", b"y", 60)
        assert await store.get("s", "k") == b"y"


async def test_a_redis_that_was_restarted_between_two_calls_is_not_noticed(
    redis_server: RedisServer,
) -> None:
    async with linked(redis_server.url) as link:
        store = RedisStore(link)
        await store.set("s", "k", b"x", 60)
        redis_server.kill()
        redis_server.start()
        await store.set("s", "k", b"y", 60)
        assert link.is_up


async def test_cancelled_commands_answer_nobody_else(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        store = RedisStore(link)
        for number in range(30):
            await store.set("s", f"k{number}", b"%d" % number, 60)
        for turns in range(30):
            task = asyncio.create_task(store.get("s", "k0"))
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            assert await store.get("s", f"k{turns}") == b"%d" % turns
        assert link.is_up


async def test_a_missing_package_and_a_bad_url_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, threads = Storage(tmp_path), Executor(1)
    bad = Shared(storage, "http://:secret@nowhere", tmp_path, Supervisor(), threads)
    await bad.start()
    assert "'redis_url' is not the URL of a Redis" in bad.problem
    assert "secret" not in bad.problem
    assert bad.redis is None
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    missing = Shared(storage, "redis://localhost", tmp_path, Supervisor(), threads)
    await missing.start()
    assert "pip install 'jupyter-mcp-workbench[redis]'" in missing.problem
    await missing.store.set("s", "k", b"x", 10)
    await missing.stop()
    threads.stop()
    storage.stop()


def test_servers_of_two_people_have_two_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    state = Path("/state/abc")
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    ann = namespace_of(state)
    assert namespace_of(state) == ann
    assert namespace_of(Path("/state/def")) != ann
    monkeypatch.setenv("JUPYTERHUB_USER", "ben")
    assert namespace_of(state) != ann


async def test_no_cancellation_gets_lost_in_a_command(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        store, ended = RedisStore(link), []

        async def work() -> None:
            for _ in range(3):
                await store.set("space", "key", b"1", 5)
            ended.append(True)

        for turns in range(300):
            task = asyncio.ensure_future(work())
            for _ in range(turns % 30):
                await asyncio.sleep(0)
            was_done = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() or was_done
        assert len(ended) < 300
        assert await store.get("space", "key") == b"1"
