"""Jobs in the shapes of results, and what narrows a list of them."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, get_args

from jupyter_mcp.calls import Reply, Result, Text
from jupyter_mcp.calls.shape import Shape
from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.jobs.tools.questions import asked, message_of
from jupyter_mcp.workplace import ACTIVE, JobRecord, JobStatus


class JobList(Shape):
    """Jobs, the newest first: ``job_id``, title, kind, tool, status, seconds, progress."""

    jobs: list[dict[str, Any]]
    cursor: str = ""


class JobState(Shape):
    """A job, as callers see it."""

    job_id: str
    title: str
    status: str
    seconds: float
    progress: dict[str, Any] | None = None
    log: str = ""
    result: dict[str, Any] | None = None
    asks: dict[str, Any] | None = None


class JobEnd(Shape):
    """How a job is after somebody wanted its end."""

    job_id: str
    status: str


def state_of(record: JobRecord) -> Reply[JobState]:
    """Return a job with what it told, asks and gave."""
    result = Result.from_json(record.result) if record.result else None
    state = JobState(
        job_id=record.id,
        title=record.title,
        status=record.status,
        seconds=_seconds(record),
        progress=None if record.progress is None else dict(record.progress),
        log=record.log,
        asks={key: dict(each) for key, each in record.asks.items()} or None,
        result=result.structured if result else None,
    )
    advice = (Text(record.advice),) if record.advice else ()
    waits = [Text(line) for line in asked(record)]
    head, content = headline(record), list(result.content) if result else []
    # What a workflow tells of its end begins so already.
    is_told = (
        bool(content) and isinstance(content[0], Text) and content[0].text.startswith(head.text)
    )
    return Reply(state, [*([] if is_told else [head]), *waits, *advice, *content])


def headline(record: JobRecord) -> Text:
    """Return how a job is, in one line."""
    return Text(f"{record.id}: {record.status} ({record.title})")


def line_of(record: JobRecord) -> dict[str, Any]:
    """Return what a list says of a job."""
    line = {
        "job_id": record.id,
        "title": record.title,
        "kind": record.kind,
        "tool": record.tool,
        "status": record.status,
        "seconds": _seconds(record),
    }
    if record.asks:
        line["asks"] = [message_of(each) for each in record.asks.values()]
    return line if record.progress is None else {**line, "progress": dict(record.progress)}


def _seconds(record: JobRecord) -> float:
    return round((record.ended or time.time()) - record.started, 3)


def no_result(record: JobRecord) -> ToolError:
    """Return why a job has no result."""
    if record.is_active:
        remedy = "Give 'wait' seconds, or look at it with job_get."
        return ToolError("unavailable", f"'{record.id}' has no result yet.", remedy)
    remedy = record.advice or "Start it again if it is still wanted."
    code = "cancelled" if record.status == "cancelled" else "unavailable"
    return ToolError(code, f"'{record.id}' has no result: it is {record.status}.", remedy)


def statuses_of(status: str) -> frozenset[str]:
    """Return the states that a word stands for.

    Raises:
        ToolError: ``invalid_arguments`` for one that is none.
    """
    known: tuple[str, ...] = get_args(JobStatus)
    if status in ("", "active"):
        return ACTIVE if status else frozenset()
    if status not in known:
        words = ", ".join(known)
        raise ToolError("invalid_arguments", f"No job is '{status}'.", f"Use active, {words}.")
    return frozenset({status})


def cursor_after(last: JobRecord) -> str:
    """Return where the next page begins."""
    return base64.urlsafe_b64encode(json.dumps([last.started, last.id]).encode()).decode()


def read_cursor(cursor: str) -> tuple[float, str] | None:
    """Return the job after which a page begins.

    Raises:
        ToolError: ``invalid_arguments`` for a cursor of somebody else's.
    """
    if not cursor:
        return None
    try:
        started, job_id = json.loads(base64.urlsafe_b64decode(cursor))
        return float(started), str(job_id)
    except (ValueError, TypeError, RecursionError):
        remedy = "Leave it out to begin anew."
        raise ToolError("invalid_arguments", "This cursor is none of job_list.", remedy) from None
