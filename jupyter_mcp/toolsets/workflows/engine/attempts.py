"""One node's work from its first attempt to its last: places, retries, time, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Iterable
from typing import Any

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.outcome import Cancelled, Outcome, Skipped, told
from jupyter_mcp.toolsets.workflows.engine.resources import EVERY
from jupyter_mcp.toolsets.workflows.engine.running import LARGEST, OfAnother, Running
from jupyter_mcp.toolsets.workflows.spec.models import Retry

PATIENT = frozenset({"approval", "wait", "decision", "map", "subworkflow"})
"""Kinds that do no work themselves, and so take no place; the parts of a map do."""

TAKES = {"notebook": ("kernels",)}
"""The classes of places that a kind takes besides what its node says."""

FINAL = frozenset(
    {
        *("invalid_arguments", "forbidden", "unauthorized", "unsupported", "too_large"),
        *("denied", "expired", "rejected"),
    }
)
"""Codes of failures that come again with every attempt."""

LONGEST_LATER = 3_600.0
"""Seconds for which a failure may put the next attempt off (``retry_after`` of its data)."""

_log = logging.getLogger(__name__)


async def attempt(running: Running) -> Outcome:
    """Do a work, as often as its spec says, and return how it ended; it does not raise failures."""
    started = running.services.clock()
    retry, error, later = running.work.retry, None, 0.0
    while running.attempts < retry.attempts:
        if running.attempts:
            await _delay(running, retry, later)
        running.attempts += 1
        running.tell(status="running", started=started, attempts=running.attempts)
        try:
            output = checked(await _own(running))
        except Skipped:
            return running.ended("skipped", started)
        except Cancelled:
            return running.ended("cancelled", started)
        except ToolError as failure:
            error, later = told(failure), _later(failure)
        except Exception as failure:  # noqa: BLE001 - the boundary of a node: its run goes on
            error, later = told(_unexpected(running, failure)), 0.0
        else:
            return running.ended("succeeded", started, output=output)
        running.tell(error=error)
        if error["code"] in FINAL:
            break
    return running.ended("failed", started, error=error)


async def _own(running: Running) -> Any:
    """Do an attempt, again as long as its key only gives the failures of other runs."""
    while True:
        with contextlib.suppress(OfAnother):
            return await _once(running)


async def _once(running: Running) -> Any:
    kind = str(getattr(running.work, "kind", ""))
    do = running.services.kinds[kind]
    seconds = running.work.timeout
    places = _places(running, kind)
    async with running.services.resources.hold(places, running.queues) as running.places:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await do(running)
        except TimeoutError:
            if not limit.expired():
                raise
            raise too_long(seconds) from None


def _places(running: Running, kind: str) -> Iterable[str]:
    if kind in PATIENT:
        return running.work.resources
    return (EVERY, *TAKES.get(kind, ()), *running.work.resources)


async def _delay(running: Running, retry: Retry, later: float) -> None:
    running.tell(status="waiting")
    await asyncio.sleep(max(delay_of(retry, running.attempts), later))


def _later(failure: ToolError) -> float:
    """Return for how many seconds whoever was asked wants to be left alone."""
    said = failure.data.get("retry_after")
    return max(0.0, min(float(said), LONGEST_LATER)) if isinstance(said, int | float) else 0.0


def delay_of(retry: Retry, attempts: int) -> float:
    """Return the seconds after so many attempts until the next one."""
    return float(min(retry.delay * retry.factor ** (attempts - 1), retry.max_delay))


def checked(output: Any) -> Any:
    """Return an output that can be kept.

    Raises:
        ToolError: ``too_large``, or ``invalid_output`` for what is no JSON data.
    """
    try:
        size = len(json.dumps(output, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError(
            "invalid_output", f"Its output is no JSON data: {error}.", "Return JSON data."
        ) from None
    if size > LARGEST:
        raise ToolError(
            "too_large",
            f"Its output has {size:,} bytes, and at most {LARGEST:,} are kept.",
            "Write it to a file and return the path.",
        )
    return output


def too_long(seconds: float | None) -> ToolError:
    """Return the failure of a node whose time is over."""
    return ToolError(
        "timeout",
        f"It took longer than {seconds:g} seconds.",
        "Give it more 'timeout', or less to do.",
    )


def _unexpected(running: Running, error: Exception) -> ToolError:
    number = uuid.uuid4().hex[:8]
    _log.error(
        "Node '%s' of %s failed, error id %s.", running.node, running.run, number, exc_info=error
    )
    return ToolError(
        "internal",
        f"It failed unexpectedly (error id {number}).",
        "Try again; if it happens again, look for the error id in the worker's log.",
    )
