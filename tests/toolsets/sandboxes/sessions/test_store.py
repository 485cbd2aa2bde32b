"""Records of sessions, slots and names in the store that servers share: SQLite and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_mcp.errors import ToolError
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.toolsets.sandboxes.sessions.quota import Live, Quota
from jupyter_mcp.toolsets.sandboxes.sessions.store import SPACE, Record, Records, Store
from support.redis import RedisServer
from support.runtimes import running
from support.sandboxes import ANN, BEN, until

RECORD = Record(60.0, 1060.0, 5000.0, has_network=True, attached=2)


@pytest.fixture(params=["sqlite", "redis"])
def redis_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    with RedisServer(tmp_path) as redis:
        yield redis.url


@pytest_asyncio.fixture
async def runtime(redis_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    async with running(tmp_path / "state", toolsets=("jobs",), redis_url=redis_url) as started:
        yield started


@pytest.fixture
def store(runtime: Runtime) -> Store:
    return runtime.trust.shared.store


class Engine:
    """What there is, as an engine would tell."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.looks = 0

    def live(self) -> Live:
        known = dict(self.there)

        async def refresh() -> None:
            self.looks += 1
            known.clear()
            known.update(self.there)

        return Live(lambda: known, refresh)


async def test_a_record_comes_back_as_it_was(store: Store) -> None:
    records = Records(lambda: store)
    assert await records.get("sb-1") is None
    await records.put("sb-1", RECORD, 1000.0)
    assert await records.get("sb-1") == RECORD
    await records.end("sb-1", ANN, "It was destroyed.")
    assert await records.get("sb-1") is None
    assert await records.reason("sb-1", ANN) == "It was destroyed."
    assert await records.reason("sb-1", None) == "It was destroyed."
    assert await records.reason("sb-1", BEN) == ""


async def test_what_is_no_record_counts_as_none(store: Store) -> None:
    records = Records(lambda: store)
    for value in (b"", b"[]", b'{"timeout": 1}', b"\xff", b'{"other": 1}'):
        await store.set(SPACE, "session:sb-1", value, 60)
        assert await records.get("sb-1") is None


async def test_servers_that_race_get_as_many_places_as_there_are(store: Store) -> None:
    engine = Engine()
    servers = [Quota(lambda: store, 5) for _ in range(3)]

    async def make(server: Quota, number: int) -> bool:
        try:
            async with server.reserved(ANN, f"sb-{number}", "", engine.live()):
                await asyncio.sleep(0)
                engine.there[f"sb-{number}"] = ""
            await server.settle(f"sb-{number}")
        except ToolError as error:
            assert error.code == "limit_reached"  # noqa: PT017 - it is one of two good ends
            return False
        return True

    made = await asyncio.gather(*(make(servers[number % 3], number) for number in range(15)))
    assert sum(made) == 5
    for gone in list(engine.there)[:2]:
        del engine.there[gone]
        await servers[2].release(ANN, gone, "")
    made = await asyncio.gather(*(make(servers[number % 3], number) for number in range(20, 26)))
    assert sum(made) == 2


async def test_a_place_of_a_sandbox_that_is_no_more_is_taken_over(store: Store) -> None:
    engine, first, second = Engine(), Quota(lambda: store, 1), Quota(lambda: store, 1)
    async with first.reserved(ANN, "sb-1", "name", engine.live()):
        pass
    await first.settle("sb-1")
    async with second.reserved(ANN, "sb-2", "name", engine.live()):  # nobody released the first
        engine.there["sb-2"] = "name"
    assert engine.looks
    with pytest.raises(ToolError, match="All 1"):
        async with first.reserved(ANN, "sb-3", "", engine.live()):
            pass


async def test_a_name_that_another_server_is_giving_away_is_in_use(store: Store) -> None:
    engine, first, second = Engine(), Quota(lambda: store, 5), Quota(lambda: store, 5)
    async with first.reserved(ANN, "sb-1", "name", engine.live()):
        with pytest.raises(ToolError, match="have a sandbox with the name 'name'") as caught:
            async with second.reserved(ANN, "sb-2", "name", engine.live()):
                pass
        assert caught.value.code == "conflict"
        async with second.reserved(BEN, "sb-3", "name", engine.live()):
            pass
    async with second.reserved(ANN, "sb-2", "other", engine.live()):
        pass


async def test_what_fails_gives_its_place_and_name_back(store: Store) -> None:
    engine, quota = Engine(), Quota(lambda: store, 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with quota.reserved(ANN, "sb-1", "name", engine.live()):
                raise ZeroDivisionError
    assert await store.get(SPACE, "anything") is None
    async with Quota(lambda: store, 1).reserved(ANN, "sb-2", "name", engine.live()):
        pass


async def test_a_limit_of_none_refuses_all(store: Store) -> None:
    with pytest.raises(ToolError, match="All 0"):
        async with Quota(lambda: store, 0).reserved(ANN, "sb-1", "", Engine().live()):
            pass


async def test_without_a_store_this_servers_count_holds(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        async with running(tmp_path, toolsets=("jobs",), redis_url=redis.url) as runtime:
            store = runtime.trust.shared.store
            engine, quota, records = Engine(), Quota(lambda: store, 2), Records(lambda: store)
            await records.put("sb-1", RECORD, 1000.0)
            redis.kill()
            assert await records.get("sb-1") is None
            await records.put("sb-1", RECORD, 1000.0)
            for number in range(2):
                async with quota.reserved(ANN, f"sb-{number}", "", engine.live()):
                    engine.there[f"sb-{number}"] = ""
            with pytest.raises(ToolError, match="All 2"):
                async with quota.reserved(ANN, "sb-9", "", engine.live()):
                    pass
            redis.start()
            await until(lambda: runtime.trust.shared.redis.is_up)
            await records.put("sb-1", RECORD, 1000.0)
            assert await records.get("sb-1") == RECORD
