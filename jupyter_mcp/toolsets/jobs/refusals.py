"""Why something cannot be done with a job, in a line with what to do instead."""

from __future__ import annotations

from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import JobRecord

UNSTORED = (
    "It has ended, and how could not be stored. Look at what it did before starting it again."
)


def elsewhere(record: JobRecord) -> ToolError:
    """Return why a job of another server cannot be talked to."""
    return ToolError(
        "unavailable",
        f"'{record.id}' runs on another server, and only that one can talk to it.",
        "Ask that server.",
    )


def unknown(job_id: str) -> ToolError:
    """Return that there is no such job; also somebody else's is none."""
    return ToolError(
        "not_found",
        f"There is no job '{job_id[:100]}'.",
        "It may have been removed after its end; job_list tells which there are.",
    )


def busy(most: int) -> ToolError:
    """Return that somebody has as many jobs as there is room for."""
    return ToolError(
        "busy",
        f"{most} of your jobs go on, which is the most.",
        "Wait for some of them, or end some with job_cancel.",
    )


def stopping() -> ToolError:
    """Return that no job begins any more."""
    return ToolError("unavailable", "This server is stopping.", "Try again when it is back.")
