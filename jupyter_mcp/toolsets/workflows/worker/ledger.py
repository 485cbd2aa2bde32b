"""What DBOS knows of the runs: what goes on, for which worker, and how it ended.

DBOS takes up what its own executor began, and leaves the runs of dead ones to a paid service. Here
they are put back into its queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_mcp.toolsets.workflows.engine.dbos_engine import QUEUE, VERSION, WORKFLOW

FAILED = frozenset({"ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
OVER = FAILED | {"SUCCESS", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as DBOS knows it.

    Args:
        status: One of DBOS' own words.
        executor: Who had it last.
        version: Of the interpreter that began it.
        output: What the interpreter returned.
    """

    status: str
    executor: str
    version: str
    output: Any = None


def orphans(living: Collection[str]) -> list[str]:
    """Return the runs that go on for executors that do not live any more; it blocks."""
    from dbos import DBOS

    pending = DBOS.list_workflows(
        name=WORKFLOW,
        status="PENDING",
        app_version=VERSION,
        load_input=False,
        load_output=False,
    )
    return [each.workflow_id for each in pending if each.executor_id not in living]


def put_back(runs: Sequence[str]) -> None:
    """Put runs into DBOS' queue, from which a worker goes on with them; it blocks."""
    from dbos import DBOS

    if runs:
        DBOS.resume_workflows(list(runs), queue_name=QUEUE)


async def cancel(run: str) -> None:
    """Let nobody go on with a run."""
    from dbos import DBOS

    await asyncio.to_thread(lambda: DBOS.cancel_workflows([run]))


async def entries(runs: Sequence[str]) -> Mapping[str, Entry]:
    """Return what is known of runs; nothing of those that never began."""
    from dbos import DBOS

    found = await asyncio.to_thread(
        lambda: DBOS.list_workflows(workflow_ids=list(runs), load_input=False)
    )
    return {
        each.workflow_id: Entry(
            str(each.status), each.executor_id or "", each.app_version or "", each.output
        )
        for each in found
    }


async def ended(before: float, most: int) -> list[str]:
    """Return runs that have ended before a Unix time, the oldest first."""
    from dbos import DBOS

    found = await asyncio.to_thread(
        lambda: DBOS.list_workflows(
            name=WORKFLOW,
            status=sorted(OVER),
            completed_before=datetime.fromtimestamp(before, UTC).isoformat(),
            limit=most,
            load_input=False,
            load_output=False,
        )
    )
    return [each.workflow_id for each in found]


async def forget(runs: Sequence[str]) -> None:
    """Take out runs with all that is known of them."""
    from dbos import DBOS

    if runs:
        await asyncio.to_thread(lambda: DBOS.delete_workflows(list(runs)))


async def steps(run: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what the steps of a run have returned, by name."""
    from dbos import DBOS

    found = await asyncio.to_thread(lambda: DBOS.list_workflow_steps(run))
    return {step["function_name"]: step["output"] for step in found if step["output"]}
