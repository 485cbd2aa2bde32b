"""How a running call talks back to its MCP client: progress, log and questions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jupyter_mcp.calls.call import InputRequest, LogLevel
from jupyter_mcp.calls.jobs import JobContext
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol.faults import MISSING_CAPABILITIES
from jupyter_mcp.protocol.request import Request

Answers = Mapping[str, Mapping[str, Any]]
AskAll = Callable[[Mapping[str, InputRequest]], Awaitable[Answers]]

LINES = 20
"""How many lines of log are kept for the job that a call may become."""

_CAPABILITIES = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}


class WireChannel:
    """The channel of a call that came over MCP.

    Args:
        request: The request that the client waits on; None while nobody waits.
        ask_all: How questions are asked without server requests (2026-07-28).
    """

    __slots__ = ("_ask_all", "_capabilities", "_job", "_lines", "_told", "request")

    def __init__(self, request: Request, ask_all: AskAll) -> None:
        self._ask_all = ask_all
        self._job: JobContext | None = None
        self._told: tuple[float, float | None, str] | None = None
        self._lines: deque[str] = deque(maxlen=LINES)
        self.attach(request)

    def attach(self, request: Request) -> None:
        """Talk to the client by `request` from now on."""
        self.request: Request | None = request
        self._capabilities = request.capabilities

    def detach(self) -> None:
        """Take note that nobody waits: what is told is dropped, what is asked waits for them."""
        self.request = None

    async def hand_over(self, job: JobContext) -> None:
        """Talk to a job from now on: nobody waits on a request any more."""
        self.request, self._job = None, job
        for line in self._lines:
            job.log(line)
        if self._told is not None:
            await job.progress(*self._told)

    @property
    def can_ask(self) -> bool:
        """Whether the client declared elicitation."""
        return "elicitation" in self._capabilities

    async def progress(self, done: float, total: float | None, message: str) -> None:
        """Send ``notifications/progress`` when the client gave a token for it."""
        if self._job is not None:
            await self._job.progress(done, total, message)
            return
        self._told = (done, total, message)
        request = self.request
        token = request.meta.get("progressToken") if request else None
        if request is None or token is None:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": done}
        if total is not None:
            params["total"] = total
        if message:
            params["message"] = message
        await request.notify("notifications/progress", params)

    async def log(self, level: LogLevel, data: Any) -> None:
        """Send ``notifications/message`` when the client wants this level."""
        if self._job is not None:
            self._job.log(f"{data}\n")
            return
        self._lines.append(f"{data}\n")
        if self.request is not None and self.request.wants(level):
            params = {"level": level, "logger": "jupyter_mcp", "data": data}
            await self.request.notify("notifications/message", params)

    async def ask(self, requests: Mapping[str, InputRequest]) -> Answers:
        """Ask the client, by server requests or by a multi-round-trip result.

        Raises:
            ToolError: ``unsupported`` when the client did not declare that it can be asked so.
        """
        self._check_capabilities(requests)
        if self._job is not None:
            return await self._job.ask(requests)
        if self.request is None or self.request.ask is None:
            return await self._ask_all(requests)
        ask = self.request.ask
        one_by_one = (ask(request.method, request.params) for request in requests.values())
        return dict(zip(requests, await asyncio.gather(*one_by_one), strict=True))

    def _check_capabilities(self, requests: Mapping[str, InputRequest]) -> None:
        needed = {_CAPABILITIES[request.method] for request in requests.values()}
        if missing := needed - self._capabilities.keys():
            raise ToolError(
                "unsupported",
                f"This needs a client that declares {' and '.join(sorted(missing))}.",
                "Use a client that can be asked, or give the value as an argument.",
                data={MISSING_CAPABILITIES: {name: {} for name in sorted(missing)}},
            )
