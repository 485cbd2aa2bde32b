from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.audit.audit import BATCH, Audit
from jupyter_mcp.security.audit.reader import Wanted
from jupyter_mcp.security.secrets.redaction import Redactor
from jupyter_mcp.storage.retention import Retention
from jupyter_mcp.storage.tables import audit as table
from support.audits import auditing, ended


async def count(audit: Audit) -> int:
    found = await audit._storage.run(lambda c: c.execute(select(func.count(table.c.id))).scalar())
    return int(found or 0)


async def kinds(audit: Audit) -> list[str]:
    return [each["kind"] for each in await audit.reader.search(Wanted(oldest=True, limit=500))]


async def test_records_are_written_after_the_interval_without_being_asked(
    tmp_path: Path, database_url: str
) -> None:
    written = asyncio.Event()
    async with auditing(tmp_path, database_url, seconds=0.05) as audit:
        audit.on_written = lambda _count: written.set()
        audit.append(ended({"text": "hello"}))
        async with asyncio.timeout(20):
            await written.wait()
        (record,) = await audit.reader.search(Wanted())
        assert record["arguments"] == {"text": "hello"}
        assert audit.backlog == 0


async def test_many_records_do_not_wait_for_the_interval(tmp_path: Path) -> None:
    written = asyncio.Event()
    async with auditing(tmp_path, seconds=3600.0) as audit:
        audit.on_written = lambda _count: written.set()
        for _ in range(BATCH):
            audit.append(ended())
        async with asyncio.timeout(20):
            await written.wait()
        assert await count(audit) == BATCH


async def test_stop_writes_what_is_there(tmp_path: Path, database_url: str) -> None:
    async with auditing(tmp_path, database_url, seconds=3600.0) as audit:
        audit.append(ended())
        audit.event("policy_reloaded", rules=3)
    async with auditing(tmp_path, database_url) as audit:
        assert await kinds(audit) == ["call", "policy_reloaded"]
        verdict = await audit.reader.verify()
        assert (verdict.broken, verdict.records) == (None, 2)


async def test_events_come_from_any_thread(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0) as audit:
        threads = [
            threading.Thread(target=audit.event, args=("policy_reloaded",)) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        await audit.flush()
        assert await count(audit) == 20


async def test_known_secrets_are_not_written(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.learn('hunter2"quoted\\secret')
    async with auditing(tmp_path, cleaner=redactor) as audit:
        audit.append(ended({"text": 'the value hunter2"quoted\\secret here'}))
        audit.event("x", reason='hunter2"quoted\\secret')
        await audit.flush()
        found = await audit.reader.search(Wanted())
    assert "hunter2" not in json.dumps(found)
    assert "[redacted]" in json.dumps(found)
    assert b"hunter2" not in (tmp_path / "workbench.db").read_bytes()


async def test_what_cannot_be_told_in_full_is_told_in_short(tmp_path: Path) -> None:
    async with auditing(tmp_path) as audit:
        odd = ended()
        odd.call.notes["rule"] = {("a", "tuple"): object()}
        audit.append(odd)
        broken: Any = ended()._replace(arguments=5)
        audit.append(broken)
        await audit.flush()
        found = await audit.reader.search(Wanted())
        assert found[0]["unreadable"] == "AttributeError"
        assert found[0]["operation"] == "t"
        assert (await audit.reader.verify()).broken is None


async def test_signals_are_recorded_and_storms_are_summed_up(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0) as audit:
        for number in range(10_000):
            audit._signals.note("login_failed", client=f"1.2.3.{number % 200}", reason="token")
        audit._signals.note("call_denied", principal="x", operation="cell_run")
        audit._signals.note("token_reused", principal="x", token="family-1")
    async with auditing(tmp_path) as audit:
        found = await audit.reader.search(Wanted(oldest=True))
    assert [each["kind"] for each in found].count("login_failed") == 21
    assert "call_denied" not in {each["kind"] for each in found}
    (reused,) = (each for each in found if each["kind"] == "token_reused")
    assert reused["details"] == {"token": "family-1"}
    (sum_of,) = (each for each in found if "count" in each["details"])
    assert sum_of["details"]["count"] == 10_000 - 20
    assert len(sum_of["details"]["sources"]) == 10


async def test_search_by_what_one_knows(tmp_path: Path, database_url: str) -> None:
    async with auditing(tmp_path, database_url) as audit:
        for number in range(5):
            audit.append(ended({"text": f"Grüße 100% {number}"}, name="cell_run"))
        audit.append(ended(name="cell_read")._replace(outcome="denied", error="forbidden"))
        audit.event("login_failed", client="x")
        await audit.flush()
        find = audit.reader.search

        async def ids(**wanted: Any) -> list[int]:
            return [each["id"] for each in await find(Wanted(**wanted))]

        assert await ids() == [7, 6, 5, 4, 3, 2, 1]
        assert await ids(oldest=True, limit=2) == [1, 2]
        assert await ids(oldest=True, limit=2, start=2) == [3, 4]
        assert await ids(limit=2, start=6) == [5, 4]
        assert await ids(tool="cell_run", limit=2) == [5, 4]
        assert await ids(outcome="denied") == [6]
        assert await ids(kind="login_failed") == [7]
        assert await ids(query="grüße 100% 3") == [4]
        assert await ids(query="%") == [5, 4, 3, 2, 1]
        assert await ids(principal="owner", kind="call") == [6, 5, 4, 3, 2, 1]
        assert await ids(principal="user:owner", tool="cell_read") == [6]
        assert await ids(principal="wner") == []
        assert await ids(since=time.time() + 1) == []
        assert await ids(until=time.time() + 1, limit=1) == [7]


async def test_retention_cuts_the_oldest_and_the_rest_verifies(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_mcp.storage.retention.PIECE", 2)
    async with auditing(tmp_path, database_url) as audit:
        for number in range(6):
            entry = ended()
            entry.call.started = float(number)
            audit.append(entry)
        await audit.flush()
        keep = Retention(audit._storage, 1, 0, 7, clock=lambda: 86_400.0 + 3)
        assert await keep.sweep() == {"audit": 3, "changes": 0, "jobs": 0, "workflows": 0}
        assert await keep.sweep() == {"audit": 0, "changes": 0, "jobs": 0, "workflows": 0}
        verdict = await audit.reader.verify()
        assert (verdict.first, verdict.records, verdict.broken) == (4, 3, None)
        everything = Retention(audit._storage, 1, 0, 7, clock=lambda: 86_400.0 + 30)
        assert (await everything.sweep())["audit"] == 3
        assert (await audit.reader.verify()).records == 0
        audit.append(ended())
        await audit.flush()
        verdict = await audit.reader.verify()
        assert (verdict.first, verdict.last, verdict.broken) == (7, 7, None)
        for_ever = Retention(audit._storage, 0, 0, 7, clock=lambda: 1e12)
        assert (await for_ever.sweep())["audit"] == 0


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support.audits import auditing, ended

async def main():
    async with auditing(Path(sys.argv[1]), sys.argv[2], seconds=3600) as audit:
        for number in range(300):
            audit.append(ended({"text": sys.argv[4]}))
            if number % 7 == 0:
                await audit.flush()

asyncio.run(main())
"""


async def test_two_servers_on_one_database_do_not_fork_the_chain(
    tmp_path: Path, database_url: str
) -> None:
    tests = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", WRITER, str(tmp_path), database_url, tests]
    running = [
        await asyncio.create_subprocess_exec(*words, name, stderr=subprocess.PIPE) for name in "ab"
    ]
    async with asyncio.timeout(60):
        told = await asyncio.gather(*(process.communicate() for process in running))
    assert [process.returncode for process in running] == [0, 0], told
    async with auditing(tmp_path, database_url) as audit:
        verdict = await audit.reader.verify()
        assert (verdict.broken, verdict.records) == (None, 600)
        texts = [
            each["arguments"]["text"]
            for each in await audit.reader.search(Wanted(oldest=True, limit=600))
        ]
    assert texts.count("a") == texts.count("b") == 300
    assert len({tuple(texts[:50]), ("a",) * 50, ("b",) * 50}) >= 2


async def test_a_commit_whose_answer_got_lost_is_not_written_twice(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0) as audit:
        audit.append(ended())
        await audit.flush()
        written, audit._writer.written = audit._writer.written, lambda: None  # type: ignore[method-assign]
        audit.append(ended({"text": "once"}))
        await audit.flush()
        audit._writer.written = written  # type: ignore[method-assign]
        prepared = audit._recorder.prepare(ended({"text": "once"}))
        audit._kept = [prepared]
        audit.append(ended({"text": "after"}))
        await audit.flush()
        found = await audit.reader.search(Wanted(oldest=True))
        assert [each["arguments"].get("text") for each in found] == [None, "once", "after"]
        assert (await audit.reader.verify()).broken is None


async def refuse_writing(audit: Audit, *, on: bool) -> None:
    await audit._storage.run(
        lambda c: c.execute(text(f"pragma query_only={'on' if on else 'off'}"))
    )


async def test_records_are_kept_while_the_database_is_read_only_and_written_after(
    tmp_path: Path,
) -> None:
    async with auditing(tmp_path, seconds=3600.0) as audit:
        await audit.check()
        assert audit.is_proven
        await refuse_writing(audit, on=True)
        audit.append(ended())
        await audit.flush()
        assert audit.failing == "the database is read-only"
        assert audit._signals.counts["audit_failed"] == 1
        with pytest.raises(ToolError, match=r"cannot be written: the database is read-only"):
            await audit.check()
        audit.append(ended())
        await audit.flush()
        assert audit._signals.counts["audit_failed"] == 1
        assert audit.backlog == 3
        await refuse_writing(audit, on=False)
        await audit.flush()
        await audit.check()
        await audit.flush()
        assert not audit.failing
        expected = ["audit_opened", "call", "audit_failed", "call", "audit_recovered"]
        assert sorted(await kinds(audit)) == sorted(expected)
        assert (await audit.reader.verify()).broken is None


async def test_it_recovers_by_itself(tmp_path: Path) -> None:
    failed, recovered = asyncio.Event(), asyncio.Event()
    async with auditing(tmp_path, seconds=0.05, retry_seconds=0.05) as audit:
        await audit.check()
        audit._signals.subscribe(lambda _signal: failed.set())
        await refuse_writing(audit, on=True)
        audit.append(ended())
        async with asyncio.timeout(20):
            await failed.wait()
            audit.on_written = lambda _count: recovered.set()
            await refuse_writing(audit, on=False)
            await recovered.wait()
        assert not audit.failing


async def test_what_is_kept_is_bounded_and_the_loss_is_recorded(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0, kept=10) as audit:
        await audit.check()
        await refuse_writing(audit, on=True)
        for _ in range(4):
            for _ in range(6):
                audit.append(ended())
            await audit.flush()
        assert audit.backlog <= 11
        assert audit.dropped >= 14
        await refuse_writing(audit, on=False)
        await audit.flush()
        await audit.flush()
        (told,) = await audit.reader.search(Wanted(kind="audit_recovered"))
        assert told["details"]["lost"] >= 14


async def test_a_flood_within_one_interval_is_bounded(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0, kept=100) as audit:
        for _ in range(150):
            audit.append(ended())
        await audit.flush()
        await audit.flush()
        (told,) = await audit.reader.search(Wanted(kind="audit_overflowed"))
        assert told["details"] == {"lost": 50}


async def test_where_the_audit_is_not_required_writes_go_on(tmp_path: Path) -> None:
    async with auditing(tmp_path, seconds=3600.0, required=False) as audit:
        await refuse_writing(audit, on=True)
        audit.append(ended())
        await audit.flush()
        assert audit.failing
        await audit.check()
        await refuse_writing(audit, on=False)


async def test_an_audit_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    url = "postgresql+psycopg://u@/name?host=/nowhere"
    async with auditing(tmp_path, url, seconds=3600.0) as audit:
        with pytest.raises(ToolError, match="the database does not answer"):
            await audit.check()
        assert audit.backlog
