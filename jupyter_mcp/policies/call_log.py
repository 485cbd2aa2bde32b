"""Keeps what was called, by whom, how it ended; the panel and the HTTP API read it.

The log is memory only and bounded: what has to last is for the audit. Arguments are not kept,
because they may hold what is private.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_mcp.calls.call import Call, SilentChannel
from jupyter_mcp.calls.chain import Following
from jupyter_mcp.calls.content import Result, Text
from jupyter_mcp.calls.events import CallsChanged, Events
from jupyter_mcp.errors import ToolError

UNSEEN = Result(content=(Text("The result was for its caller's eyes only and is not kept."),))
"""What is kept in the place of a secret."""

NOBODY = SilentChannel()
"""Whom a call talks to that has ended."""


@dataclass(slots=True)
class Entry:
    """One call that runs or ran.

    Args:
        call: The call.
        ended: Unix time of its end; None while it runs.
        result: Its result; None while it runs or when it was cancelled.
        cancelled: Whether it was cancelled.
    """

    call: Call
    ended: float | None = None
    result: Result | None = None
    cancelled: bool = False

    @property
    def status(self) -> str:
        """One of ``running``, ``succeeded``, ``failed``, ``cancelled``."""
        if self.cancelled:
            return "cancelled"
        if self.result is None:
            return "running"
        return "failed" if self.result.is_error else "succeeded"

    def to_json(self) -> dict[str, Any]:
        """Return the entry without arguments and result."""
        call = self.call
        entry: dict[str, Any] = {
            "id": call.id,
            "name": call.operation.name,
            "kind": call.operation.kind,
            "principal": call.principal.name,
            "client": call.client,
            "door": call.door,
            "started": call.started,
            "status": self.status,
            "is_error": self.status == "failed",
            "seconds": round((self.ended or time.time()) - call.started, 3),
        }
        if call.progress is not None:
            done, total, message = call.progress
            entry["progress"] = {"done": done, "total": total, "message": message}
        return entry

    def cancel(self) -> None:
        """Cancel the call; one that has ended is left as it is."""
        if self.ended is None and self.call.task is not None:
            self.call.task.cancel()


@dataclass(slots=True)
class CallLog:
    """The policy around everything: an entry for each call.

    Args:
        events: Where the start and the end of calls are published.
        kept: How many ended calls are kept.
        total: How many calls there were.
        failed: How many of them failed.
    """

    events: Events
    kept: int = 200
    total: int = 0
    failed: int = 0
    running: dict[str, Entry] = field(default_factory=dict)
    recent: OrderedDict[str, Entry] = field(default_factory=OrderedDict)

    async def __call__(self, call: Call, following: Following) -> Result:
        """Record `call` while it runs and when it is done."""
        entry = self.running[call.id] = Entry(call)
        changed = CallsChanged(call.id)
        self.events.publish(changed)
        try:
            result = await following(call)
            entry.result = (
                UNSEEN if call.operation.secret_output and not result.is_error else result
            )
            return result
        finally:
            self._ended(entry)
            self.events.publish(changed)

    def find(self, call_id: str, owner: str | None) -> Entry:
        """Return the entry of a call.

        Args:
            call_id: The call's identifier.
            owner: The principal who asks, or None for somebody who may see every call.

        Raises:
            ToolError: ``not_found`` when there is none, or it is somebody else's.
        """
        entry = self.running.get(call_id) or self.recent.get(call_id)
        if entry is None or (owner is not None and entry.call.principal.id != owner):
            raise ToolError(
                "not_found",
                f"There is no call '{call_id}'.",
                f"Only running calls and the last {self.kept} ended ones are kept.",
            )
        return entry

    def cancel_of(self, is_ended: Callable[[Any], bool]) -> None:
        """Cancel what runs for principals whose access has ended, but not the call that ends it."""
        current = asyncio.current_task()
        for entry in list(self.running.values()):
            task = entry.call.task
            if task is not None and task is not current and is_ended(entry.call.principal):
                task.cancel()

    def _ended(self, entry: Entry) -> None:
        entry.ended = time.time()
        entry.cancelled = entry.result is None
        _let_go(entry.call)
        self.total += 1
        self.failed += entry.status == "failed"
        del self.running[entry.call.id]
        self.recent[entry.call.id] = entry
        while len(self.recent) > self.kept:
            self.recent.popitem(last=False)


def _let_go(call: Call) -> None:
    """Forget what only a running call needs.

    Arguments may hold what is private, and the channel holds the request with its whole body. What
    still runs for the call, such as a job it began, has nobody to talk to any more.
    """
    call.task = None
    call.arguments, call.values = {}, {}
    call.channel = NOBODY
