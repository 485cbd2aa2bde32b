"""A job in the shapes of MCP's tasks (SEP-2663): ``Task`` and ``DetailedTask``.

A tool that failed has completed; only what would have been a JSON-RPC error fails, and what a
server took with it when it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mcp_types.jsonrpc import INTERNAL_ERROR

from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol import wire
from jupyter_mcp.protocol.faults import MISSING_CAPABILITIES, fault
from jupyter_mcp.workplace import JobRecord

Json = dict[str, Any]

POLL_SHARE = 0.25
"""The share of a task's age after which to look again: what is quick is seen soon."""

POLL_LEAST, POLL_MOST = 0.25, 5.0


def brief(record: JobRecord) -> Json:
    """Return a job as ``Task``."""
    task: Json = {
        "taskId": record.id,
        "status": _status(record),
        "createdAt": _moment(record.started),
        "lastUpdatedAt": _moment(record.updated),
        "ttlMs": _milliseconds(record.started, record.expires),
        "pollIntervalMs": _poll(record),
    }
    if message := _message(record):
        task["statusMessage"] = message
    return task


def detailed(record: JobRecord) -> Json:
    """Return a job as ``DetailedTask``, with its result, its error or its questions."""
    task = brief(record)
    match task["status"]:
        case "input_required":
            task["inputRequests"] = {key: dict(asked) for key, asked in record.asks.items()}
        case "completed":
            result = Result.from_json(_result(record))
            task["result"] = {**wire.tool_result(result), "resultType": "complete"}
        case "failed":
            task["error"] = _error(record)
    return task


def _status(record: JobRecord) -> str:
    if record.is_active:
        return "input_required" if record.asks else "working"
    if record.status in ("cancelled", "lost"):
        return "cancelled" if record.status == "cancelled" else "failed"
    if record.result is None:
        return "failed"
    return "failed" if MISSING_CAPABILITIES in _failure(record).get("data", {}) else "completed"


def _message(record: JobRecord) -> str:
    if record.status == "lost":
        return record.advice or "The server stopped while it ran."
    if not record.is_active:
        return record.advice
    if record.asks:
        return "It waits for an answer."
    told = record.progress or {}
    share = f"{told['done']:g}/{told['total']:g} " if told.get("total") else ""
    return f"{share}{told.get('message') or ''}".strip()


def _error(record: JobRecord) -> Json:
    if record.result is None:
        message = (
            record.advice or "It ended without a result. Start it again if it is still wanted."
        )
        return {"code": INTERNAL_ERROR, "message": message}
    failure = _failure(record)
    error = fault(
        ToolError(
            failure["code"], failure["message"], failure.get("remedy", ""), data=failure["data"]
        )
    ).error
    return {"code": error.code, "message": error.message, "data": error.data}


def _failure(record: JobRecord) -> Mapping[str, Any]:
    """Return the error that a failed result carries."""
    result = _result(record)
    found = (result.get("structured") or {}).get("error") if result["is_error"] else None
    return found if isinstance(found, Mapping) and isinstance(found.get("data"), Mapping) else {}


def _result(record: JobRecord) -> Mapping[str, Any]:
    assert record.result is not None  # noqa: S101 - its status says so
    return record.result


def _poll(record: JobRecord) -> int:
    age = max(0.0, (record.ended or time.time()) - record.started)
    return int(1000 * min(POLL_MOST, max(POLL_LEAST, age * POLL_SHARE)))


def _milliseconds(start: float, end: float | None) -> int | None:
    return None if end is None else max(1, int((end - start) * 1000))


def _moment(unix: float) -> str:
    told = datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")
