"""Two servers beside each other on one real Redis, which goes and comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.calls import Result, Toolset, tool
from jupyter_mcp.policies.idempotency import KEY, REPLAYED
from jupyter_mcp.runtime import Runtime
from support.redis import RedisServer
from support.runtimes import OWNER, running

RUNS: list[str] = []


class Bench(Toolset):
    name = "bench"

    @tool(scope="execute")
    async def work(self, text: str = "") -> str:
        RUNS.append(text)
        return text


async def work(runtime: Runtime, text: str = "", **options: Any) -> Result:
    selection = runtime.catalog.selection("all")
    return await runtime.call_tool(
        "work", {"text": text}, OWNER, "test", selection=selection, **options
    )


@asynccontextmanager
async def two(folder: Path, redis: RedisServer) -> AsyncIterator[tuple[Runtime, Runtime]]:
    """Start two replicas of one server."""
    options = {"redis_url": redis.url, "owner_rate_limits": (("work", "10/minute"),)}
    RUNS.clear()
    async with (
        running(folder / "a", Bench, **options) as one,
        running(folder / "b", Bench, **options) as other,
    ):
        yield one, other


async def test_limits_hold_across_servers(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        async with two(tmp_path, redis) as (one, other):
            calls = [work(runtime) for runtime in (one, other) for _ in range(8)]
            results = await asyncio.gather(*calls)
    refused = [result.error for result in results if result.error is not None]
    assert len(refused) == 6
    assert {error.code for error in refused} == {"rate_limited"}
    assert all(50 < error.data["retry_after"] <= 60 for error in refused)


async def test_a_key_holds_across_servers(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        async with two(tmp_path, redis) as (one, other):
            calls = [work(runtime, "x", meta={KEY: "k"}) for runtime in (one, other) for _ in "ab"]
            results = await asyncio.gather(*calls)
            conflict = await work(other, "y", meta={KEY: "k"})
    assert RUNS == ["x"]
    assert sum(REPLAYED in result.meta for result in results) == 3
    assert conflict.error is not None
    assert conflict.error.code == "conflict"


async def test_while_redis_is_away_each_server_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RedisServer(tmp_path) as redis:
        async with two(tmp_path, redis) as (one, other):
            assert not (await work(one)).is_error
            redis.kill()
            with caplog.at_level(logging.WARNING):
                results = [await work(one) for _ in range(12)]
            assert sum(result.is_error for result in results) == 2
            assert sum("Redis cannot be used" in r.message for r in caplog.records) == 1
            keyed = await work(one, meta={KEY: "k"})
            assert keyed.error is not None
            redis.start()
            links = [runtime.trust.shared.redis for runtime in (one, other)]
            async with asyncio.timeout(30):
                while not all(link and link.is_up for link in links):  # noqa: ASYNC110 - what calls look at
                    await asyncio.sleep(0.02)
            results = [await work(runtime) for runtime in (one, other) for _ in range(6)]
            assert sum(result.is_error for result in results) == 2


async def test_a_server_starts_without_its_redis_and_finds_it_later(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    async with running(tmp_path / "a", Bench, redis_url=redis.url) as runtime:
        assert not (await work(runtime)).is_error
        with redis:
            link = runtime.trust.shared.redis
            assert link is not None
            async with asyncio.timeout(30):
                while not link.is_up:  # noqa: ASYNC110 - what calls look at
                    await asyncio.sleep(0.02)
            assert not (await work(runtime, meta={KEY: "k"})).is_error


async def test_a_url_that_is_none_is_a_problem_and_not_an_end(tmp_path: Path) -> None:
    async with running(tmp_path, Bench, redis_url="nonsense") as runtime:
        assert not (await work(runtime, meta={KEY: "k"})).is_error
        assert [problem.plugin for problem in runtime.all_problems] == ["redis"]
