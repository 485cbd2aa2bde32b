"""When a schedule is due, by cron expressions in a time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from jupyter_mcp.errors import ToolError

NEAREST = 30.0
"""Seconds that two starts are apart at least: no expression with seconds fires more often."""


def next_time(cron: str, zone: str, after: float) -> float:
    """Return the Unix time of the next start after another.

    Raises:
        ToolError: ``invalid_arguments`` for what is no cron expression, no time zone, or never due.
    """
    place = _zone(zone)
    from croniter import croniter
    from croniter.croniter import CroniterError

    try:
        found = croniter(cron, datetime.fromtimestamp(after + NEAREST, place))
        moment: datetime = found.get_next(datetime)
    except (CroniterError, ValueError, KeyError, OverflowError) as error:
        told = " ".join(str(error).split())[:120].rstrip(".")
        raise ToolError(
            "invalid_arguments",
            f"'{cron[:80]}' is no cron expression: {told}.",
            "Write minute, hour, day, month and weekday, such as '0 2 * * mon-fri'.",
        ) from None
    return moment.timestamp()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ToolError(
            "invalid_arguments",
            f"There is no time zone '{name[:80]}'.",
            "Write one such as 'Europe/Berlin', or UTC.",
        ) from None
