"""Jobs as other processes see them."""

from __future__ import annotations

from jupyter_mcp.storage import Storage
from jupyter_mcp.toolsets.jobs.records import JobRecords
from jupyter_mcp.workplace import JobQuery, JobRecord


async def kept(storage: Storage, job_id: str) -> JobRecord:
    """Return a job as another process sees it."""
    strange = JobRecords(storage, "another", 0.0, home="another")
    assert await strange.find(job_id) is None
    assert await strange.list(JobQuery(), ()) == []
    found = await JobRecords(storage, "another", 0.0).find(job_id)
    assert found is not None
    return found[0]
