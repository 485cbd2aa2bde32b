"""Background jobs as the corridor and the doors see them; the jobs toolset implements it.

A job begins in one of two ways: a tool starts one and returns its identifier, or a door makes a
job of a call that takes long, so that the client need not wait for it. The call then stays in the
corridor as it was, with its deadline, its turn and its record in the audit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jupyter_mcp.calls.call import Call, InputRequest
from jupyter_mcp.errors import ToolError
from jupyter_mcp.workplace import JobRecord

if TYPE_CHECKING:
    from jupyter_mcp.calls.content import Result
    from jupyter_mcp.security.principal import Principal


class JobContext(Protocol):
    """What a background job can tell and ask while it runs."""

    @property
    def id(self) -> str:
        """The job's identifier."""
        ...

    @property
    def can_ask(self) -> bool:
        """Whether `ask` can reach a person."""
        ...

    async def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Tell how far the job is."""
        ...

    def log(self, text: str) -> None:
        """Add `text` to the tail of the job's log."""
        ...

    async def ask(self, requests: Mapping[str, InputRequest]) -> Mapping[str, Mapping[str, Any]]:
        """Ask whoever looks after the job and return the answers by the same keys.

        Raises:
            ToolError: ``timeout`` when nobody answers for long.
        """
        ...


Work = Callable[[JobContext], Awaitable[Any]]


@runtime_checkable
class JobStarter(Protocol):
    """Starts background jobs and finds them again; the jobs toolset implements it."""

    def start_job(
        self, call: Call, title: str, work: Callable[[JobContext], Awaitable[Result]]
    ) -> str:
        """Begin `work` and return the job's identifier."""
        ...

    def end_jobs(self, concerns: Callable[[Call], bool]) -> int:
        """Begin to cancel the jobs of calls that are concerned; return how many there are."""
        ...

    async def adopt_call(
        self,
        principal: Principal,
        tool: str,
        title: str,
        call: asyncio.Task[Result],
        attach: Callable[[JobContext], Awaitable[None]],
    ) -> JobRecord:
        """Make a job of a call that runs, and return it once it is stored.

        Args:
            principal: Who called.
            tool: The tool's name.
            title: What it does, in a few words.
            call: The task that runs the call; cancelling the job cancels it.
            attach: Called with the job, so that the call talks to it from then on.
        """
        ...

    async def job_of(self, job_id: str, principal: Principal) -> JobRecord:
        """Return a job that is stored, if `principal` may see it.

        Raises:
            ToolError: ``not_found``.
        """
        ...

    async def cancel_own(self, job_id: str, principal: Principal) -> JobRecord:
        """Cancel a job of `principal`, which needs no more leave than to close a connection.

        Raises:
            ToolError: ``not_found``, also for somebody else's.
        """
        ...

    async def answer_own(
        self, job_id: str, principal: Principal, answers: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Take answers to what a job of `principal` asks.

        Raises:
            ToolError: ``not_found``, also for somebody else's.
        """
        ...


def no_jobs() -> ToolError:
    """Return the error of a runtime without the jobs toolset."""
    return ToolError(
        "unavailable",
        "Background work needs the 'jobs' toolset, which is not loaded.",
        "Call without background=true, or add 'jobs' to the toolsets setting.",
    )
