"""Long work, whoever does it: what is known of it, and who keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

LEFT_WORK = "work-left"
"""The file in the state folder that says that a toolset may have left work for the next server:
such as schedules. That one then starts without being asked."""

JobStatus = Literal[
    "pending",
    "running",
    "waiting",
    "paused",
    "succeeded",
    "failed",
    "cancelled",
    "compensated",
    "lost",
]

ACTIVE: frozenset[str] = frozenset({"pending", "running", "waiting", "paused"})
"""The states of a job that goes on."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Long work, whoever does it, at one moment.

    Args:
        id: Its identifier, unique among all kinds.
        owner: Identifier of the principal that it belongs to.
        tool: The tool that began it.
        title: What it does, in a few words.
        status: How it is.
        kind: What sort of work it is: ``tool``, or what another toolset calls its own.
        started: Unix time.
        updated: When something was last told of it.
        ended: When it ended.
        progress: ``done``, ``total`` and ``message`` of the last progress.
        log: The tail of its log.
        result: The result of its tool (`jupyter_mcp.calls.Result.to_json`).
        asks: Questions that wait for an answer, by keys that are used once: ``method``, ``params``.
        expires: From when on it may be forgotten; None while that is open.
        advice: What to do now, where something went wrong.
        is_untrusted: Whether what it tells may carry what strangers wrote.
    """

    id: str
    owner: str
    tool: str
    title: str
    status: JobStatus
    started: float
    updated: float
    kind: str = "tool"
    ended: float | None = None
    progress: Mapping[str, Any] | None = None
    log: str = ""
    result: Mapping[str, Any] | None = None
    asks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    expires: float | None = None
    advice: str = ""
    is_untrusted: bool = False

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.status in ACTIVE


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs to list, the newest first.

    Args:
        owner: Whose; None for everybody's.
        statuses: Only these states; empty for all.
        kind: Only this kind; empty for all.
        before: Only what comes after the job with this start and identifier; None for the first.
        limit: The most jobs.
    """

    owner: str | None = None
    statuses: frozenset[str] = frozenset()
    kind: str = ""
    before: tuple[float, str] | None = None
    limit: int = 20

    def fits(self, job: JobRecord) -> bool:
        """Return whether a job is asked for, the limit aside."""
        return (
            self.owner in (None, job.owner)
            and (not self.statuses or job.status in self.statuses)
            and self.kind in ("", job.kind)
            and (self.before is None or (job.started, job.id) < self.before)
        )


@runtime_checkable
class JobSource(Protocol):
    """A toolset that keeps long work of its own and shows it as jobs, such as workflows.

    Its jobs are found by all that knows jobs: the tools, MCP's tasks, ``%mcp jobs``. It publishes
    `jupyter_mcp.calls.events.JobChanged` when one of them changes, so that nobody has to poll.
    """

    @property
    def job_kind(self) -> str:
        """What its jobs are, such as ``workflow``."""
        ...

    def owns_job(self, job_id: str) -> bool:
        """Return whether an identifier can be one of its own, by its form alone."""
        ...

    async def get_job(self, job_id: str, owner: str | None, wait: float = 0.0) -> JobRecord:
        """Return a job.

        Args:
            job_id: Its identifier.
            owner: The principal who asks, or None for one who sees everybody's.
            wait: Seconds to wait for its end.

        Raises:
            ToolError: ``not_found``, also for somebody else's.
        """
        ...

    async def list_jobs(self, query: JobQuery) -> Sequence[JobRecord]:
        """Return the jobs that `query` asks for, at most its limit, without results and logs."""
        ...

    async def cancel_job(self, job_id: str, owner: str | None) -> JobRecord:
        """Begin to cancel a job and return it; one that has ended stays as it is.

        Raises:
            ToolError: ``not_found``.
        """
        ...

    async def answer_job(
        self, job_id: str, owner: str, answers: Mapping[str, Mapping[str, Any]], by: str
    ) -> None:
        """Take answers to what a job asks; those to other keys are left aside.

        Args:
            job_id: Its identifier.
            owner: The principal that it belongs to.
            answers: Results of what was asked (MCP: ``ElicitResult``), by the keys of `asks`.
            by: Who answers, as it is recorded.

        Raises:
            ToolError: ``not_found``.
        """
        ...
