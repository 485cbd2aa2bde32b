from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.principal import Principal
from support.runtimes import call, running

ADMIN = Principal(id="user:boss", name="boss", kind="person")
READER = Principal(id="user:guest", name="guest", scopes=frozenset({"read"}), kind="user")


async def ask(runtime: Runtime, name: str, **arguments: Any) -> Any:
    selection = runtime.catalog.selection("all")
    result = await runtime.call_tool(name, arguments, ADMIN, "test", selection=selection)
    assert not result.is_error, result.content
    return result.structured


async def test_search_pages_through_what_was_called(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        for number in range(5):
            await call(runtime, "job_get", READER, job_id=f"job-{number}")
        first = await ask(runtime, "audit_search", tool="job_get", limit=3)
        assert [each["arguments"]["job_id"] for each in first["records"]] == [
            "job-4",
            "job-3",
            "job-2",
        ]
        rest = await ask(
            runtime, "audit_search", tool="job_get", limit=3, cursor=first["next_cursor"]
        )
        assert [each["arguments"]["job_id"] for each in rest["records"]] == ["job-1", "job-0"]
        assert "next_cursor" not in rest
        mine = await ask(runtime, "audit_search", principal="boss", outcome="succeeded")
        assert {each["operation"]["name"] for each in mine["records"]} == {"audit_search"}
        assert (await ask(runtime, "audit_search", since="1h", until="30m"))["records"] == []


@pytest.mark.parametrize("arguments", [{"cursor": "x"}, {"since": "soon"}, {"limit": 0}])
async def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    async with running(tmp_path) as runtime:
        result = await call(runtime, "audit_search", ADMIN, **arguments)
        assert result.error.code == "invalid_arguments"


async def test_who_is_no_administrator_sees_nothing_and_that_is_recorded(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        for name in ("audit_search", "audit_verify", "audit_signals"):
            refused = await call(runtime, name, READER)
            assert refused.error.code == "forbidden"
        found = await ask(runtime, "audit_search", outcome="denied")
        assert len(found["records"]) == 3
        assert {each["principal"]["id"] for each in found["records"]} == {"user:guest"}


async def test_verify_tells_the_first_wrong_record(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        for number in range(4):
            await call(runtime, "job_get", READER, job_id=f"job-{number}")
        verdict = await ask(runtime, "audit_verify")
        assert (verdict["ok"], verdict["records"]) == (True, 4)
        file = runtime.storage.url.removeprefix("sqlite:///")
        with sqlite3.connect(file) as database:
            database.execute("update audit set principal = 'user:x' where id = 3")
        database.close()
        result = await call(runtime, "audit_verify", ADMIN)
        assert not result.structured["ok"]
        assert result.structured["broken_at"] == 3
        assert "TAMPERED: record 3: its column 'principal' was changed" in result.content[0].text


async def test_signals_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as runtime:
        runtime.trust.signals.note("login_failed", client="x")
        counts = await ask(runtime, "audit_signals")
    assert counts["last_minute"]["login_failed"] == 1
    assert counts["last_hour"]["login_failed"] == 1
    assert counts["since_start"]["login_failed"] == 1
    assert counts["audit_failing"] == ""
    assert json.dumps(counts)
