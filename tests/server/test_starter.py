"""The runtime starts once, when it is needed, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_mcp.config import Settings
from jupyter_mcp.protocol.exchange import Caller
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.server.refusal import Refused
from jupyter_mcp.server.starter import Starter
from jupyter_mcp.storage import Storage
from support.clients import META
from support.exchanges import MemoryExchange

OWNER = Principal(id="user:owner", name="owner")


def starter_in(folder: Path, built: list[str]) -> Starter:
    """Return a starter that notes each time it builds a runtime."""

    def settings() -> Settings:
        built.append("built")
        return Settings(state_dir=str(folder / "state"))

    return Starter(settings, lambda: None, "0")  # type: ignore[arg-type, return-value]  # no server here


async def test_stop_without_start(tmp_path: Path) -> None:
    built: list[str] = []
    await starter_in(tmp_path, built).stop()
    assert built == []


async def test_first_requests_share_one_start(tmp_path: Path) -> None:
    built: list[str] = []
    starter = starter_in(tmp_path, built)
    served = await asyncio.gather(*(starter.ready() for _ in range(5)))
    assert len({id(one) for one in served}) == len(built) == 1
    await starter.stop()


async def test_start_that_failed_is_tried_again(tmp_path: Path) -> None:
    built: list[str] = []
    starter = starter_in(tmp_path, built)
    blocked = tmp_path / "state"
    blocked.write_text("a file where the folder should be")
    failed = await asyncio.gather(starter.ready(), return_exceptions=True)
    blocked.unlink()
    served = await starter.ready()
    assert isinstance(failed[0], Exception) or len(built) == 1
    assert served is starter.served
    await starter.stop()


async def test_first_request_that_leaves_does_not_end_the_start(tmp_path: Path) -> None:
    starter = starter_in(tmp_path, [])
    impatient = asyncio.create_task(starter.ready())
    patient = asyncio.create_task(starter.ready())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).runtime is not None
    await starter.stop()


async def test_nothing_is_left_after_stop(tmp_path: Path) -> None:
    process = psutil.Process()
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    files, children = process.num_fds(), set(process.children())
    starter = starter_in(tmp_path, [])
    served = await starter.ready()
    answers: asyncio.Queue[Any] = asyncio.Queue()

    async def send(frame: str) -> None:
        await answers.put(json.loads(frame))

    socket = served.endpoint.connect(Caller(principal=OWNER), send)
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    await socket.receive(json.dumps(request))
    async with asyncio.timeout(30):
        assert (await answers.get())["result"]["tools"]
    listen = {"_meta": META, "notifications": {"toolsListChanged": True}}
    request = {"jsonrpc": "2.0", "id": 2, "method": "subscriptions/listen", "params": listen}
    await socket.receive(json.dumps(request))
    async with asyncio.timeout(30):
        await answers.get()
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    }
    greeting = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    exchange = MemoryExchange(Caller(principal=OWNER), greeting)
    await served.endpoint.serve(exchange)
    assert "protocolVersion" in exchange.text
    await starter.stop()
    assert asyncio.all_tasks() - tasks == set()
    assert set(threading.enumerate()) - threads == set()
    assert set(process.children()) - children == set()
    assert process.num_fds() <= files + 1, "more than what the libraries keep open for themselves"


async def test_a_newer_database_is_told_to_all_logged_once_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = Settings(state_dir=str(tmp_path / "state")).state_folder("")
    storage = Storage(state)
    await storage.run(
        lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    storage.stop()
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    starter = starter_in(tmp_path, [])
    for _ in range(3):
        with pytest.raises(Refused, match="Update jupyter-mcp-workbench") as caught:
            await starter.ready()
        assert (caught.value.status, caught.value.error.code) == (503, "unavailable")
        assert set(threading.enumerate()) - threads == set()
        assert asyncio.all_tasks() - tasks == set()
    told = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [each.exc_info for each in told] == [None]
    assert "written by a newer version" in told[0].getMessage()
    await starter.stop()


async def test_nothing_starts_once_the_server_stops(tmp_path: Path) -> None:
    built: list[str] = []
    starter = starter_in(tmp_path, built)
    await starter.ready()
    await starter.stop()
    with pytest.raises(Refused, match="stopping") as refused:
        await starter.ready()
    assert refused.value.status == 503
    assert len(built) == 1


async def test_who_waits_for_the_start_of_a_server_that_stops_is_told_so(tmp_path: Path) -> None:
    starter = starter_in(tmp_path, [])
    waiting = asyncio.create_task(starter.ready())
    await asyncio.sleep(0)
    await starter.stop()
    with pytest.raises(Refused, match="stopping"):
        await waiting
