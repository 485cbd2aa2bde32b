"""MCP's tasks (SEP-2663): long calls as handles, for clients that declare the extension.

A task is a job, seen by a client: nothing is kept here. A call of a long-running tool is waited
for a moment; what takes longer, or asks, becomes a job and its client gets the handle. What a tool
itself goes on with as a job is a task too. Looking walks the corridor as the tool ``job_get`` does,
so the policy, the pause and the audit hold for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Literal

from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
)

from jupyter_mcp.calls.answers import fits
from jupyter_mcp.calls.call import InputRequest
from jupyter_mcp.calls.jobs import JobStarter
from jupyter_mcp.calls.operation import Tool
from jupyter_mcp.errors import ToolError
from jupyter_mcp.protocol.faults import MISSING_CAPABILITIES, fault
from jupyter_mcp.protocol.ground import Ground
from jupyter_mcp.protocol.request import TASKS, Request
from jupyter_mcp.protocol.runs import Run
from jupyter_mcp.protocol.task_shapes import brief, detailed
from jupyter_mcp.workplace import JobRecord

Json = dict[str, Any]

REQUIRED: Json = {MISSING_CAPABILITIES: {"extensions": {TASKS: {}}}}

PATIENCE = 0.5
"""Seconds for which a call of a long-running tool is waited for before it becomes a task."""

_log = logging.getLogger(__name__)


class Tasks:
    """Tasks over one runtime.

    Args:
        ground: Whose jobs they are.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @property
    def is_offered(self) -> bool:
        """Whether there are jobs, and so tasks."""
        return self._ground.jobs is not None

    def declared(self, request: Request) -> bool:
        """Return whether a request says that its client knows tasks."""
        return self.is_offered and request.knows_tasks

    def check(self, request: Request, tool: Tool) -> None:
        """Refuse what a client cannot wait for without tasks.

        Raises:
            MCPError: -32021.
        """
        if tool.task_only and not self.declared(request):
            raise _undeclared(f"'{tool.name}' only runs as a task")

    def patience(self, request: Request, tool: Tool) -> float | None:
        """Return for how long to wait before a call becomes a task; None when it never does."""
        may = tool.long_running and not tool.secret_output
        return PATIENCE if may and self.declared(request) else None

    async def take(self, request: Request, tool: Tool, run: Run) -> Json | None:
        """Make a task of a call that runs; None when it cannot be stored, and so is none.

        The handle goes out after the job is in the database.
        """
        principal = request.caller.principal
        title = _title(tool, run.binding[2])
        try:
            record = await self._jobs.adopt_call(
                principal, tool.name, title, run.task, run.hand_over
            )
        except asyncio.CancelledError:
            run.task.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - without a database the call goes on as it was
            _log.warning("A call of '%s' could not become a task: %s", tool.name, error)
            return None
        return {"resultType": "task", **brief(record)}

    async def begun(self, request: Request, job_id: str) -> Json:
        """Return the handle of a job that a tool began, once it is stored."""
        record = await self._record(request, job_id)
        return {"resultType": "task", **brief(record)}

    async def get(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``tasks/get``.

        Raises:
            MCPError: -32602 for a task that is not there or somebody else's.
        """
        job_id = self._asked(request, params)
        return detailed(await self.look(request, job_id))

    async def update(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``tasks/update``: only who began a task answers its questions.

        An answer may be code's input, so it takes the leave for the tool that asks.

        Raises:
            MCPError: -32602 for a task that is not theirs, or an answer of the wrong form.
        """
        job_id = self._asked(request, params)
        record = await self.look(request, job_id)
        if record.owner != request.caller.principal.id:
            raise _unknown(job_id)
        if not self._may_use(request, record.tool):
            raise fault(_forbidden(record))
        answers = _fitting(record, params.get("inputResponses") or {})
        if answers:
            try:
                await self._jobs.answer_own(job_id, request.caller.principal, answers)
            except ToolError as error:
                raise fault(error) from None
        return {}

    async def cancel(self, request: Request, params: Mapping[str, Any]) -> Json:
        """Serve ``tasks/cancel``; a task that has ended stays as it is.

        Who began a task may end it, as they may close a connection. Others need the leave for
        ``job_cancel``, and so does a credential of the same person that may not use the tool.

        Raises:
            MCPError: -32602 for a task that is not there or somebody else's.
        """
        job_id = self._asked(request, params)
        record = await self._record(request, job_id)
        if not record.is_active:
            return {}
        is_own = record.owner == request.caller.principal.id
        if not is_own or not self._may_use(request, record.tool):
            await self._walk(request, "job_cancel", job_id)
        else:
            try:
                await self._jobs.cancel_own(job_id, request.caller.principal)
            except ToolError as error:
                raise fault(error) from None
        return {}

    async def look(self, request: Request, job_id: str) -> JobRecord:
        """Return a job after the corridor has let its client look at it.

        Raises:
            MCPError: -32602 for one that is not there or somebody else's.
        """
        # As it is before the corridor looks, which then knows all that is in it of strangers.
        record = await self._record(request, job_id)
        await self._walk(request, "job_get", job_id)
        return record

    async def peek(self, request: Request, job_id: str) -> JobRecord:
        """Return a job to somebody who looked at it a moment ago; nothing of it may be told.

        Raises:
            MCPError: As `look`.
        """
        return await self._record(request, job_id)

    def require(self, request: Request) -> None:
        """Refuse a client that does not say that it knows tasks.

        Raises:
            MCPError: -32601 where there is no such thing, -32021 where it is not declared.
        """
        if not self.is_offered or not request.is_modern:
            raise MCPError(METHOD_NOT_FOUND, "There are no tasks here.")
        if not self.declared(request):
            raise _undeclared("This is about tasks")

    @property
    def _jobs(self) -> JobStarter:
        jobs = self._ground.jobs
        assert jobs is not None  # noqa: S101 - `is_offered` was asked
        return jobs

    def _asked(self, request: Request, params: Mapping[str, Any]) -> str:
        self.require(request)
        job_id: str = params["taskId"]
        return job_id

    def _may_use(self, request: Request, name: str) -> bool:
        """Return whether the caller could have begun what a tool began."""
        catalog = self._ground.catalog
        try:
            tool = catalog.tool(name, catalog.selection("all"))
        except ToolError:
            return False
        return catalog.sees(request.caller.principal, tool)

    async def _record(self, request: Request, job_id: str) -> JobRecord:
        try:
            return await self._jobs.job_of(job_id, request.caller.principal)
        except ToolError as error:
            raise _unknown(job_id) if error.code == "not_found" else fault(error) from None

    async def _walk(
        self, request: Request, name: Literal["job_get", "job_cancel"], job_id: str
    ) -> None:
        catalog = self._ground.catalog
        try:
            tool = catalog.tool(name, catalog.selection("all"))
        except ToolError as error:
            raise fault(error) from None
        caller = request.caller
        result = await self._ground.call(
            tool, {"job_id": job_id}, caller.principal, caller.door, client=request.client
        )
        if result.error is not None:
            failure = result.error
            raise _unknown(job_id) if failure.code == "not_found" else fault(failure)


def _fitting(record: JobRecord, answers: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the answers to what is asked; others are left aside (SEP-2663).

    Raises:
        MCPError: -32602 for one that does not answer its question.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for key, asked in record.asks.items():
        if key not in answers:
            continue
        question = InputRequest(asked["method"], asked["params"])
        if not fits({key: question}, {key: answers[key]}):
            message = f"The answer '{key}' does not fit what was asked. Ask the person again."
            raise MCPError(INVALID_PARAMS, message)
        found[key] = answers[key]
    return found


def _title(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """Return what a call does, in a few words."""
    named = (arguments.get(name) for name in sorted(tool.places))
    where = next((value for value in named if isinstance(value, str) and value), "")
    title = tool.title or tool.name
    return f"{title}: {where[:100]}" if where else title


def _undeclared(why: str) -> MCPError:
    message = f"{why}, and this client does not declare the extension '{TASKS}'."
    return MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, message, REQUIRED)


def _forbidden(record: JobRecord) -> ToolError:
    return ToolError(
        "forbidden",
        f"'{record.tool}' asks, and this credential may not use it.",
        "Answer with the credential that began the task.",
    )


def _unknown(job_id: str) -> MCPError:
    message = f"There is no task '{job_id[:100]}'. It may have been removed after its end."
    return MCPError(INVALID_PARAMS, message)
