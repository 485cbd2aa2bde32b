"""Lets agents act only while nobody has stopped them.

It stands first, so that a stopped agent costs nothing more. What runs when somebody presses stop
is cancelled by the task, which interrupts a kernel; the client is told that it was stopped, and by
whom. Persons are never stopped, and asking for a stop never is either.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result
from jupyter_mcp.errors import ToolError

if TYPE_CHECKING:
    from jupyter_mcp.security.stop.agents import Agents
    from jupyter_mcp.security.stop.switch import Stop, Switch

ALWAYS = frozenset({"agents_pause", "agents_status"})
"""The tools of the trust toolset that a stopped agent may still call, if the policy allows."""


class Pause:
    """Refuses what stopped agents ask, and ends what they run.

    Args:
        switch: Who is stopped.
        agents: Where it is noted who called.
    """

    def __init__(self, switch: Switch, agents: Agents) -> None:
        self._switch = switch
        self._agents = agents
        self._running: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped: dict[asyncio.Task[Any], Stop] = {}
        switch.stoppers.append(self.stop)

    async def __call__(self, call: Call, following: Following) -> Result:
        """Let the call through, or refuse it with ``paused``."""
        principal, operation = call.principal, call.operation
        if principal.kind == "person" or (
            operation.name in ALWAYS and operation.toolset == "trust"
        ):
            return await following(call)
        self._agents.saw(principal, call.client, operation.name)
        stop = self._switch.find(principal, call.client)
        if stop is not None and (stop.mode == "paused" or operation.scope != "read"):
            raise _refusal(stop)
        if operation.scope == "read":
            return await following(call)
        return await self._watched(call, following)

    def stop(self, stop: Stop) -> int:
        """Cancel the calls that `stop` concerns and that do more than read."""
        concerned = [call for call in self._running.values() if stop.concerns(call)]
        tasks = {call.task for call in concerned if call.task is not None}
        for task in tasks:
            self._stopped[task] = stop
            task.cancel()
        return len(tasks)

    async def _watched(self, call: Call, following: Following) -> Result:
        """Run a call that can be stopped.

        The innermost of nested calls must not turn its end into a result: the one around it would
        go on with it.
        """
        task = call.task
        is_outermost = task is not None and task not in self._tasks
        if task is None or not is_outermost:
            return await self._noted(call, following)
        self._tasks.add(task)
        try:
            return await self._noted(call, following)
        except asyncio.CancelledError:
            stop = self._stopped.get(task)
            if stop is None or task.uncancel() > 0:
                raise
            raise _refusal(stop) from None
        finally:
            self._tasks.discard(task)
            self._stopped.pop(task, None)

    async def _noted(self, call: Call, following: Following) -> Result:
        self._running[call.id] = call
        try:
            return await following(call)
        finally:
            del self._running[call.id]


def _refusal(stop: Stop) -> ToolError:
    what = "paused" if stop.mode == "paused" else "set to read-only"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stop.at))
    whom = "Agents were" if stop.target == "*" else f"'{stop.target}' was"
    reason = f": {stop.reason.rstrip('.')}." if stop.reason else "."
    return ToolError(
        "paused",
        f"{whom} {what} by {stop.by} at {since}{reason}",
        "A person lets agents go on in the panel, or with: jupyter mcp resume.",
        data={"mode": stop.mode, "target": stop.target},
    )
