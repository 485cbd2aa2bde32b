"""A toolset of things that take long, and one that keeps its own jobs, as workflows do."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from jupyter_mcp import Context, Host, Reply, Text, ToolError, Toolset, tool
from jupyter_mcp.calls import JobContext, Result
from jupyter_mcp.calls.events import JobChanged
from jupyter_mcp.workplace import JobQuery, JobRecord


class Name(BaseModel):
    """What an errand asks for."""

    name: str


class Errands(Toolset):
    """Tools that take long."""

    name = "errands"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.cancelled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @tool(scope="read", title="Errand", long_running=True)
    async def errand_wait(self, ctx: Context, mark: str, path: str = "") -> str:
        """Wait until somebody releases the mark."""
        del path
        await ctx.progress(1, 2, f"waiting for {mark}")
        await ctx.log("info", f"waits for {mark}")
        try:
            await self.released[mark].wait()
        except asyncio.CancelledError:
            self.cancelled[mark].set()
            raise
        return f"{mark} was released"

    @tool(scope="read")
    async def errand_release(self, mark: str) -> str:
        """Release a mark."""
        self.released[mark].set()
        return "released"

    @tool(scope="read")
    async def errand_was_cancelled(self, mark: str) -> bool:
        """Return once `errand_wait` was cancelled, at most 30 s later."""
        async with asyncio.timeout(30):
            return await self.cancelled[mark].wait()

    @tool(scope="read", long_running=True)
    async def errand_quick(self) -> str:
        """Return at once."""
        return "quick"

    @tool(scope="read", long_running=True)
    async def errand_ask(self, ctx: Context) -> str:
        """Ask twice, by the same key."""
        names = [(await ctx.ask(f"Name {n}?", Name)).content["name"] for n in (1, 2)]
        return " and ".join(names)

    @tool(scope="read", long_running=True)
    async def errand_fail(self) -> str:
        """Fail as a tool does."""
        await asyncio.sleep(1)
        raise ToolError("conflict", "The errand is not possible.", "Do another.")

    @tool(scope="read", long_running=True)
    async def errand_lacks(self, ctx: Context) -> str:
        """Fail as a request does."""
        await asyncio.sleep(1)
        return str(await ctx.request("roots/list", {}))

    @tool(scope="read", long_running=True, secret_output=True)
    async def errand_secret(self) -> str:
        """Return after a second what nobody may keep."""
        await asyncio.sleep(1)
        return "between us"

    @tool(scope="read", task_only=True)
    async def errand_only(self, ctx: Context, mark: str) -> Reply[str]:
        """Go on as a job."""

        async def work(job: JobContext) -> str:
            await job.progress(1, None, "on the way")
            await self.released[mark].wait()
            return "done in the background"

        return Reply("begun", [Text("Begun.")], job=ctx.job("An errand", work))

    @tool(scope="read", long_running=True)
    async def errand_late(self, ctx: Context, mark: str) -> Reply[str]:
        """Take a second, and then go on as a job."""

        async def work(_job: JobContext) -> str:
            await self.released[mark].wait()
            return f"{mark} in the background"

        await asyncio.sleep(1)
        return Reply("begun", [Text("Begun.")], job=ctx.job("A late errand", work))


class Ledger(Toolset):
    """Keeps jobs of its own (`JobSource`)."""

    name = "ledger"
    job_kind = "entry"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.entries: dict[str, JobRecord] = {}

    @tool(scope="read")
    async def ledger_begin(self, ctx: Context, asks: bool = False) -> Reply[str]:
        """Begin an entry."""
        now = time.time()
        asked = {"method": "elicitation/create", "params": {"message": "Sure?", "mode": "form"}}
        record = JobRecord(
            id=f"entry-{len(self.entries)}",
            owner=ctx.principal.id,
            tool="ledger_begin",
            title="An entry",
            status="waiting" if asks else "running",
            started=now,
            updated=now,
            kind=self.job_kind,
            asks={"sure": asked} if asks else {},
        )
        self.entries[record.id] = record
        return Reply(record.id, [Text("Begun.")], job=record.id)

    @tool(scope="read")
    async def ledger_end(self, job_id: str) -> str:
        """Let an entry succeed."""
        self._put(job_id, status="succeeded", result=Result((Text("entered"),)).to_json())
        return "ended"

    def owns_job(self, job_id: str) -> bool:
        """Tell its own by their names."""
        return job_id.startswith("entry-")

    async def get_job(self, job_id: str, owner: str | None, wait: float = 0.0) -> JobRecord:
        """Return an entry."""
        del wait
        record = self.entries.get(job_id)
        if record is None or owner not in (None, record.owner):
            raise ToolError("not_found", f"There is no entry '{job_id}'.")
        return record

    async def list_jobs(self, query: JobQuery) -> Sequence[JobRecord]:
        """Return entries."""
        return [record for record in self.entries.values() if query.fits(record)][: query.limit]

    async def cancel_job(self, job_id: str, owner: str | None) -> JobRecord:
        """Cancel an entry."""
        await self.get_job(job_id, owner)
        return self._put(job_id, status="cancelled")

    async def answer_job(
        self, job_id: str, owner: str, answers: Mapping[str, Mapping[str, Any]], by: str
    ) -> None:
        """End an entry with the answer."""
        del by
        await self.get_job(job_id, owner)
        told = Result((Text(str(answers["sure"]["action"])),)).to_json()
        self._put(job_id, status="succeeded", result=told, asks={})

    def _put(self, job_id: str, **changes: Any) -> JobRecord:
        record = replace(self.entries[job_id], updated=time.time(), **changes)
        self.entries[job_id] = replace(record, ended=time.time())
        self.host.events.publish(JobChanged(job_id))
        return self.entries[job_id]
