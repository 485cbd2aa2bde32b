"""Every call leaves a record, and no write happens that could not be recorded."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from jupyter_mcp.calls import Call, Result, Text, Toolset, tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.policies import Audit
from jupyter_mcp.runtime import Runtime
from jupyter_mcp.security.audit.reader import Wanted
from jupyter_mcp.security.audit.records import Ended
from support.audits import a_tool
from support.runtimes import OWNER, PERSON, call, running


class Doing(Toolset):
    """Tools of each scope."""

    name = "doing"

    @tool(scope="read")
    async def doing_look(self) -> str:
        """Look."""
        return "seen"

    @tool(scope="edit")
    async def doing_edit(self, text: str = "") -> str:
        """Edit."""
        return text

    @tool(scope="execute")
    async def doing_run(self, code: str = "1") -> str:
        """Run."""
        return code


class Records:
    def __init__(self, *, refusing: bool = False) -> None:
        self.is_proven = not refusing
        self.entries: list[Ended] = []

    def began(self, call: Call, arguments: Any) -> None:
        pass

    def ended(self, entry: Ended) -> None:
        self.entries.append(entry)

    async def check(self) -> None:
        raise ToolError("unavailable", "The audit cannot be written: no.", "Mend it.")


async def ends(outcome: Any, **notes: Any) -> Ended:
    records = Records()
    made = Call(a_tool(), {"text": "x"}, OWNER, "test", notes=notes)

    async def rest(call: Call) -> Result:
        call.arguments = {}
        if isinstance(outcome, BaseException):
            raise outcome
        return Result.from_error(outcome) if isinstance(outcome, ToolError) else outcome

    with suppress(asyncio.CancelledError, RuntimeError):
        await Audit(records)(made, rest)
    (entry,) = records.entries
    return entry


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Result((Text("ok"),)), ("succeeded", "")),
        (Result((Text("raised"),), is_error=True), ("failed", "")),
        (asyncio.CancelledError(), ("cancelled", "")),
        (RuntimeError("a bug between the doors"), ("failed", "")),
    ],
)
async def test_each_end_has_its_outcome(outcome: Any, told: tuple[str, str]) -> None:
    entry = await ends(outcome)
    assert (entry.outcome, entry.error) == told
    assert entry.arguments == {"text": "x"}
    assert 0 <= entry.seconds < 5


async def test_a_refusal_is_denied_and_a_failure_is_failed() -> None:
    refused, failed = ToolError("forbidden", "No."), ToolError("not_found", "Nothing there.")
    assert (await ends(Result.from_error(refused))).outcome == "denied"
    assert (await ends(Result.from_error(failed))).outcome == "failed"


@pytest.mark.parametrize(
    ("marks", "runs"),
    [
        ({"scope": "read", "read_only": True}, True),
        ({"scope": "admin", "read_only": True}, True),
        ({"scope": "edit", "restrains": True}, True),
        ({"scope": "edit"}, False),
        ({"scope": "execute"}, False),
        ({"scope": "admin"}, False),
    ],
)
async def test_only_looking_and_stopping_go_on_while_nothing_can_be_recorded(
    marks: dict[str, Any], runs: bool
) -> None:
    records, ran = Records(refusing=True), []

    async def rest(call: Call) -> Result:
        ran.append(call)
        return Result((Text("ok"),))

    result = await Audit(records)(Call(a_tool(**marks), {}, OWNER, "test"), rest)
    assert bool(ran) is runs
    assert result.is_error is not runs
    assert len(records.entries) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 6 MiB of its own, where this account may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    with suppress(OSError):
        subprocess.run(words, capture_output=True, check=False)
    yield place
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", str(place)], check=True)


def is_own_disk(folder: Path) -> bool:
    return folder.is_mount()


class Filler:
    """Fills the disk of a runtime, really where it has one of its own, else by SQLite's bound."""

    def __init__(self, runtime: Runtime, disk: Path) -> None:
        self._runtime, self._file = runtime, disk / "filler"
        self._mounted = os.path.ismount(disk)

    async def fill(self) -> None:
        if not self._mounted:
            await self._pragma("page_count")
            return
        with self._file.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    async def free(self) -> None:
        if self._mounted:
            self._file.unlink()
        else:
            await self._pragma(str(2**30))

    async def _pragma(self, pages: str) -> None:
        def bound(connection: Any) -> None:
            most = pages
            if most == "page_count":
                most = connection.execute(text("pragma page_count")).scalar()
            connection.execute(text(f"pragma max_page_count={most}"))

        await self._runtime.storage.run(bound)


async def test_a_full_disk_stops_writes_and_nothing_else_and_mends_itself(
    small_disk: Path,
) -> None:
    async with running(small_disk, Doing, audit_seconds=0.05) as runtime:
        token = {"scopes": ["read"]}
        audit, filler = runtime.trust.audit, Filler(runtime, small_disk)
        failed, recovered = asyncio.Event(), asyncio.Event()
        runtime.trust.signals.subscribe(lambda each: each.kind == "audit_failed" and failed.set())
        assert not (await call(runtime, "doing_edit", text="a")).is_error
        await filler.fill()
        calls = 0
        async with asyncio.timeout(30):
            while not failed.is_set():
                await call(runtime, "doing_look")
                await audit.flush()
                calls += 1
        for name in ("doing_edit", "doing_run"):
            refused = await call(runtime, name)
            assert refused.error.code == "unavailable"
            assert "audit cannot be written: the disk is full" in str(refused.error)
            assert refused.error.data["transient"], "who can wait may try again"
        given = await call(runtime, "token_create", PERSON, **token)
        assert given.error.code == "unavailable"
        paused = await call(runtime, "agents_pause", PERSON, target=OWNER.id)
        assert "is stopped now, but that could not be written down: the disk is full" in str(
            paused.error
        )
        assert (await call(runtime, "doing_look")).error.code == "paused"
        assert (await call(runtime, "agents_resume", PERSON)).error.code == "unavailable"
        assert not (await call(runtime, "doing_look", PERSON)).is_error
        await filler.free()
        audit.on_written = lambda _count: recovered.set()
        async with asyncio.timeout(30):
            await recovered.wait()
        assert not (await call(runtime, "agents_resume", PERSON)).is_error
        assert not (await call(runtime, "doing_edit")).is_error
        await audit.flush()
        looks = await audit.reader.search(Wanted(tool="doing_look", kind="call", limit=100_000))
        assert len(looks) == calls + 2
        refusals = await audit.reader.search(Wanted(query="unavailable"))
        told = {each["operation"]["name"] for each in refusals}
        assert told >= {"doing_edit", "doing_run", "token_create"}
        assert (await audit.reader.verify()).broken is None


async def test_a_read_only_disk_is_read_from_the_start_and_written_when_it_can_be(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    async with running(small_disk, Doing) as runtime:
        assert not (await call(runtime, "doing_edit")).is_error
    if not is_own_disk(small_disk):  # whoever may not mount a disk cannot make one read-only either
        return
    monkeypatch.setattr("jupyter_mcp.storage.engine.THAW_SECONDS", 0.0)
    recovered = asyncio.Event()
    remount("ro")
    async with running(small_disk, Doing, audit_seconds=0.05) as runtime:
        refused = await call(runtime, "doing_edit")
        assert "the database is read-only" in str(refused.error)
        assert not (await call(runtime, "doing_look")).is_error
        assert (await call(runtime, "job_get", job_id="x")).error.code == "not_found"
        runtime.trust.audit.on_written = lambda _count: recovered.set()
        remount("rw")
        async with asyncio.timeout(30):
            await recovered.wait()
        assert not (await call(runtime, "agents_resume", PERSON)).is_error
        assert not (await call(runtime, "doing_edit")).is_error
        await runtime.trust.audit.flush()
        verdict = await runtime.trust.audit.reader.verify()
        assert verdict.broken is None
        edits = await runtime.trust.audit.reader.search(Wanted(tool="doing_edit", kind="call"))
        assert [each["outcome"] for each in edits] == ["succeeded", "failed", "succeeded"]


async def test_the_first_write_waits_until_the_audit_has_proven_to_work(tmp_path: Path) -> None:
    async with running(tmp_path, Doing, audit_seconds=3600.0) as runtime:
        await runtime.storage.run(lambda c: c.execute(text("pragma query_only=on")))
        refused = await call(runtime, "doing_edit")
        assert "the database is read-only" in str(refused.error)
        assert not (await call(runtime, "doing_look")).is_error
        await runtime.storage.run(lambda c: c.execute(text("pragma query_only=off")))


async def test_the_record_says_who_what_and_how_but_no_code(tmp_path: Path) -> None:
    async with running(tmp_path, Doing) as runtime:
        await call(runtime, "doing_run", code="import os\nkey = 'xyz'")
        await runtime.trust.audit.flush()
        (record,) = await runtime.trust.audit.reader.search(Wanted(tool="doing_run", kind="call"))
    assert record["principal"]["id"] == OWNER.id
    assert record["operation"] == {
        "kind": "tool",
        "name": "doing_run",
        "toolset": "doing",
        "scope": "execute",
    }
    assert record["arguments"]["code"]["first_line"] == "import os"
    assert record["arguments"]["code"]["length"] == 21
    assert "xyz" not in str(record)


class Long(Toolset):
    """A tool that runs until it is told to end."""

    name = "long"
    pathless = frozenset({"long_edit", "long_look"})

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self.end = asyncio.Event()

    @tool(scope="edit")
    async def long_edit(self, text: str) -> str:
        """Edit for long."""
        await self.end.wait()
        return text

    @tool(scope="read")
    async def long_look(self) -> str:
        """Look for long."""
        await self.end.wait()
        return ""


async def test_a_change_that_takes_long_is_recorded_while_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path, Long, audit_seconds=0.05) as runtime:
        audit, told = runtime.trust.audit, asyncio.Event()
        audit.on_written = lambda _count: told.set()
        calls = asyncio.gather(
            call(runtime, "long_look"), call(runtime, "long_edit", text="x" * 300)
        )
        async with asyncio.timeout(30):
            while not (began := await audit.reader.search(Wanted(kind="call_began"))):
                await told.wait()
                told.clear()
        toolset = next(each for each in runtime.catalog.toolsets if isinstance(each, Long))
        toolset.end.set()
        await calls
        await audit.flush()
        (ended,) = await audit.reader.search(Wanted(tool="long_edit", kind="call"))
        assert [each["operation"]["name"] for each in began] == ["long_edit"]
        assert began[0]["call"] == ended["call"]
        assert "x" * 300 not in str(began)
        assert len(await audit.reader.search(Wanted(kind="call_began"))) == 1
        assert (await audit.reader.verify()).broken is None
