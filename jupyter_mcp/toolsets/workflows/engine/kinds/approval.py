"""Approval nodes: a run waits for a person, for days if need be."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any, cast

from jupyter_mcp.errors import ToolError
from jupyter_mcp.toolsets.workflows.engine.kinds.waiting import SLICE, deadline
from jupyter_mcp.toolsets.workflows.engine.outcome import Skipped
from jupyter_mcp.toolsets.workflows.engine.running import Running
from jupyter_mcp.toolsets.workflows.spec.models import Approval
from jupyter_mcp.toolsets.workflows.spec.schemas import mismatches


async def approve(running: Running) -> Any:
    """Return what the person has answered: ``approved``, ``by``, ``at``, and ``fields``.

    Raises:
        ToolError: ``rejected`` when the answer is no, ``expired`` when there is none in time.
        Skipped: There is none in time, and the spec says to go on.
    """
    work = cast("Approval", running.work)
    running.input = {"message": running.field("message")}
    end = math.inf if work.expires is None else await deadline(running, work.expires)
    if end < math.inf:
        running.input["expires"] = end
    if work.fields is not None:
        running.input["fields"] = work.fields
    asks = {"done": 0, "total": None, "message": f"asks a person: {running.input['message']}"}
    running.tell(status="waiting", input=running.input, progress=asks)
    refused: Mapping[str, Any] | None = None
    while True:
        answer = running.services.recorder.answer(running.run, running.node)
        if answer is not None and answer != refused:
            wrong = _problem(answer["answer"], work)
            if wrong is None:
                return _output(answer)
            refused = answer
            running.tell(error=wrong)
        left = end - running.services.clock()
        if left <= 0:
            raise _expired(work)
        await _news(running, min(left, SLICE))


async def _news(running: Running, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await running.services.recorder.changed(running.run)
    except TimeoutError:
        return


def _output(told: Mapping[str, Any]) -> dict[str, Any]:
    answer = told["answer"]
    if not answer.get("approved"):
        reason = str(answer.get("reason") or "").strip()
        raise ToolError("rejected", f"{told['by']} said no{f': {reason}' if reason else ''}.")
    return {
        "approved": True,
        "by": told["by"],
        "at": told["at"],
        "fields": answer.get("fields") or {},
    }


def _problem(answer: Any, work: Approval) -> dict[str, str] | None:
    """Return what is wrong with an answer; somebody can give another one."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("approved"), bool):
        wrong = "The answer does not say whether it is a yes."
    elif not answer["approved"] or work.fields is None:
        return None
    else:
        found = next(iter(mismatches(answer.get("fields") or {}, work.fields)), None)
        if found is None:
            return None
        where = ".".join(map(str, found[0]))
        wrong = f"The answer does not fit{f' at {where}' if where else ''}: {found[1]}"
    return {"code": "invalid_arguments", "message": wrong, "remedy": "Answer again."}


def _expired(work: Approval) -> Exception:
    if work.on_expiry == "skip":
        return Skipped()
    return ToolError(
        "expired",
        f"Nobody answered within {work.expires:g} seconds.",
        "Start the workflow again, and give more 'expires'.",
    )
