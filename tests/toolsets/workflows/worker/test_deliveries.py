"""A notification is delivered, taken once, whenever the worker is killed, and recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.reader import AuditReader, Wanted
from jupyter_mcp.toolsets.workflows.worker.deliveries import Deliveries
from support.workers import ANN, Bench, bench


class Receiver:
    """A receiver of webhooks that takes each key once, as the header is meant."""

    def __init__(self) -> None:
        self.url = ""
        self.came = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.keys: list[str] = []

    @property
    def taken(self) -> set[str]:
        """What counts."""
        return set(self.keys)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, and answer it when the test says so."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        (key,) = [line for line in head.splitlines() if line.startswith("idempotency-key: ")]
        self.keys.append(json.loads(key.partition(": ")[2]))
        self.came.set()
        await self.may_answer.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield made
    finally:
        made.may_answer.set()
        server.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "state", webhook_hosts=("127.0.0.1",)) as made:
        yield made


async def test_a_delivery_that_was_cut_by_a_kill_is_made_again_under_its_key(place: Bench) -> None:
    async with receiver() as web:
        tell = {"id": "tell", "kind": "notification", "channel": "webhook", "to": web.url}
        run = await place.put({"name": "tells", "nodes": [{**tell, "body": "done"}]})
        first = place.start()
        await asyncio.wait_for(web.came.wait(), 60)
        place.kill(first)  # it has arrived, and nobody has noted that
        web.may_answer.set()
        place.start()
        await place.ended(run)
        assert len(web.keys) == 2
        assert web.taken == {f"{run}:tell"}
        told = (await place.nodes(run))["tell"].output
        assert told == {"channel": "webhook", "confirmed": {"status": 204}}


async def test_a_delivery_that_was_noted_is_not_made_again(place: Bench) -> None:
    async with receiver() as web:
        web.may_answer.set()
        tell = {"id": "tell", "kind": "notification", "channel": "webhook", "to": web.url}
        ask = {"id": "ask", "kind": "approval", "message": "Go on?", "needs": ["tell"]}
        run = await place.put({"name": "tells", "nodes": [{**tell, "body": "done"}, ask]})
        first = place.start()
        await place.begun(run, "ask", "waiting")
        place.kill(first)
        place.start()
        assert await place.records.answer(run, "ask", {"approved": True}, "user:ann")
        await place.ended(run)
        assert web.keys == [f"{run}:tell"]


async def records(place: Bench, count: int = 1) -> list[dict[str, Any]]:
    """Return what the audit has of deliveries, the oldest first, once there are so many.

    A worker waits until what it has sent is written, and not for what failed.
    """
    wanted = Wanted(kind="workflow_delivery", oldest=True)
    async with asyncio.timeout(30):
        while len(found := await AuditReader(place.storage).search(wanted)) < count:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return found


async def test_each_delivery_stands_in_the_audit_without_secrets(place: Bench) -> None:
    tell = {"id": "tell", "kind": "notification", "channel": "webhook", "body": "the salaries"}
    async with receiver() as web:
        web.may_answer.set()
        tries = {
            "succeeded": f"{web.url}T000/whisper?key=word",
            "failed": f"{web.url.replace('//', '//me:word@')}T000/whisper",
            "denied": "https://elsewhere.example/whisper",
        }
        runs = [
            await place.put({"name": "t", "nodes": [{**tell, "to": to}]}) for to in tries.values()
        ]
        place.start()
        for run in runs:
            await place.until(run, lambda each: not each.is_active)
    told = {each["outcome"]: each for each in await records(place, len(tries))}
    assert set(told) == set(tries)
    host = web.url.rstrip("/")
    sent = told["succeeded"]
    assert (sent["principal"], sent["operation"]) == (ANN.id, "webhook")
    assert sent["details"] == {"run": runs[0], "node": "tell", "to": host}
    assert (told["failed"]["details"]["to"], told["failed"]["details"]["run"]) == (host, runs[1])
    assert told["denied"]["details"] == {
        "run": runs[2],
        "node": "tell",
        "to": "https://elsewhere.example",
        "error": "forbidden",
    }
    kept = json.dumps(told)
    assert not [each for each in ("word", "whisper", "salaries") if each in kept]
    assert (await AuditReader(place.storage).verify()).broken is None


async def test_nothing_leaves_before_it_can_be_recorded(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    tasks = Supervisor()
    async with bench(tmp_path / "state") as place:
        run = await place.put({"name": "tells", "nodes": []})
        await place.storage.run(lambda db: db.execute(text("ALTER TABLE audit RENAME TO away")))
        deliveries = Deliveries(place.storage, tasks)
        await deliveries.start()
        running: Any = SimpleNamespace(run=run, node="tell", waits=told.put_nowait)
        sent = asyncio.Event()

        async def send() -> None:
            async with deliveries.recorded(running, "email", "ann@example.org"):
                sent.set()
                raise ToolError("rejected", "No such mailbox.", "Correct it.")

        sending = tasks.spawn("send", send())
        assert "The audit cannot be written" in await asyncio.wait_for(told.get(), 30)
        assert not sent.is_set()
        await place.storage.run(lambda db: db.execute(text("ALTER TABLE away RENAME TO audit")))
        with pytest.raises(ToolError, match="No such mailbox"):
            await asyncio.wait_for(sending, 30)
        await deliveries.stop()
        await tasks.stop()
        (record,) = await records(place)
        assert record["outcome"] == "failed"
        assert record["details"]["to"] == "ann@example.org"


async def test_a_delivery_that_fails_unexpectedly_was_not_cancelled(place: Bench) -> None:
    tasks = Supervisor()
    run = await place.put({"name": "tells", "nodes": []})
    deliveries = Deliveries(place.storage, tasks)
    await deliveries.start()
    running: Any = SimpleNamespace(run=run, node="tell", waits=pytest.fail)
    for failure in (ZeroDivisionError, asyncio.CancelledError):
        with pytest.raises(failure):
            async with deliveries.recorded(running, "email", "ann@example.org"):
                raise failure
    await deliveries.stop()
    await tasks.stop()
    assert {each["outcome"] for each in await records(place, 2)} == {"failed", "cancelled"}


async def test_where_the_administrator_wants_it_so_nothing_waits_for_the_audit(
    tmp_path: Path,
) -> None:
    tasks = Supervisor()
    async with bench(tmp_path / "state") as place:
        await place.storage.run(lambda db: db.execute(text("ALTER TABLE audit RENAME TO away")))
        deliveries = Deliveries(place.storage, tasks, is_required=False)
        await deliveries.start()
        running: Any = SimpleNamespace(run="wf-1", node="tell", waits=pytest.fail)
        async with deliveries.recorded(running, "email", "ann@example.org"):
            pass
        await tasks.stop()
