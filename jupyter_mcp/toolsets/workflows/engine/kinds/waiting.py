"""Waiting nodes: for a while or until a time, also when the worker is started anew meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Wait
from jupyter_mcp.toolsets.workflows.spec.models.parts import YEAR

SLICE = 30.0
"""Seconds after which the clock is looked at again: a machine may have slept."""

UNNOTED = 1.0
"""Waits up to here are begun again after a crash, which costs less than to note them."""


async def wait(running: Running) -> Any:
    """Return ``{"until": time}`` when it is over.

    Raises:
        ToolError: ``invalid_arguments`` for what is no time.
    """
    work = cast("Wait", running.work)
    if work.until is not None:
        running.input = running.field("until")
        end = _moment(running.input)
    else:
        running.input = running.field("seconds")
        end = await deadline(running, _seconds(running.input))
    moment = datetime.fromtimestamp(end, UTC)
    told = f"waits until {moment.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
    progress = {"done": 0, "total": None, "message": told}
    running.tell(status="waiting", input=running.input, progress=progress)
    await until(running, end)
    return {"until": moment.isoformat().replace("+00:00", "Z")}


async def deadline(running: Running, seconds: float) -> float:
    """Return the Unix time at which `seconds` are over that began with the first attempt.

    Raises:
        ToolError: ``invalid_arguments`` for more than a year.
    """
    now = running.services.clock()
    if seconds <= UNNOTED:
        return now + seconds
    noted = await running.memo()
    if isinstance(noted, dict) and "until" in noted:
        return float(noted["until"])
    if not seconds <= YEAR:
        raise ToolError(
            "invalid_arguments",
            f"{str(seconds)[:80]} seconds are more than a year ({YEAR:,}).",
            "Give fewer seconds, or a time as 'until'.",
        )
    await running.keep_memo({"until": now + seconds})
    return now + seconds


async def until(running: Running, end: float) -> None:
    """Wait until a Unix time."""
    while (left := end - running.services.clock()) > 0:  # noqa: ASYNC110 - a clock has no event
        await asyncio.sleep(min(left, SLICE))


def _moment(text: Any) -> float:
    try:
        moment = datetime.fromisoformat(str(text))
        is_time = moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except (ValueError, OverflowError):  # or no time in the years that there are
        is_time = False
    if not is_time:
        raise ToolError(
            "invalid_arguments",
            f"'{str(text)[:80]}' is no time with a zone.",
            "Write it as in 2026-01-31T08:00:00Z.",
        )
    return moment.timestamp()


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ToolError(
            "invalid_arguments", f"'{str(value)[:80]}' is no number of seconds.", "Give a number."
        )
    return value
