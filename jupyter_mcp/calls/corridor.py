"""The corridor: the one way that every call travels, from any door to any toolset."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from jupyter_mcp.calls.call import Call
from jupyter_mcp.calls.catalog import Catalog
from jupyter_mcp.calls.chain import Following, Policy, chain
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.context import Context
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.jobs import JobContext, JobStarter, Work, no_jobs
from jupyter_mcp.errors import ToolError

_log = logging.getLogger(__name__)


class Background(Protocol):
    """What of the policies holds for work that goes on after its call."""

    def job(self, job: JobContext) -> JobContext:
        """Return what stands between the work and its job."""
        ...

    def result(self, result: Result) -> Result:
        """Return the result as it may be kept."""
        ...


class Corridor:
    """Walks calls through the policies to their operation.

    Args:
        catalog: Where `Context.call` finds other tools.
        executor: Threads for tools that are plain functions.
        outer: The policies around everything; they see every result, failures too.
        policies: The policies that may refuse a call, outermost first.
        background: What of them holds for background jobs.
    """

    def __init__(
        self,
        catalog: Catalog,
        executor: Executor,
        outer: Sequence[Policy],
        policies: Sequence[Policy],
        background: Background | None = None,
    ) -> None:
        self._catalog = catalog
        self._executor = executor
        self._background = background
        self.jobs: JobStarter | None = None
        self._walk = chain([*outer, self._answer, *policies], self._run)

    async def call(self, call: Call) -> Result:
        """Run `call` and return its result; a failure is a result too.

        Raises:
            asyncio.CancelledError: When the caller's task is cancelled.
        """
        call.task = call.task or asyncio.current_task()
        return await self._walk(call)

    async def call_on(self, call: Call, tool: str, arguments: Mapping[str, object]) -> Result:
        """Call another tool from within `call`, for the same principal."""
        operation = self._catalog.tool(tool, self._catalog.selection("all"))
        result = await self.call(
            Call(
                operation=operation,
                arguments=arguments,
                principal=call.principal,
                door=call.door,
                channel=call.channel,
                client=call.client,
                meta=call.meta,
                parent=call.id,
            )
        )
        if result.is_untrusted:
            call.notes["untrusted"] = True
        return result

    def start_job(self, call: Call, title: str, work: Work) -> str:
        """Go on with `work` as a background job of the principal behind `call`."""
        if self.jobs is None:
            raise no_jobs()

        background = self._background

        async def run(job: JobContext) -> Result:
            told = background.job(job) if background else job
            result = _marked(call, await self._finished(call, work(told)))
            return background.result(result) if background else result

        return self.jobs.start_job(call, title, run)

    async def _finished(self, call: Call, work: Awaitable[Any]) -> Result:
        try:
            return call.operation.shape(await work)
        except ToolError as error:
            return Result.from_error(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary, as in `_answer`
            return Result.from_error(_unexpected(call, error))

    async def _answer(self, call: Call, following: Following) -> Result:
        """Turn what the policies and the tool raise into results.

        ``sys.exit`` too: a command's code called as a library must not end everybody's server.
        """
        try:
            return await following(call)
        except ToolError as error:
            return Result.from_error(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the boundary: nothing may leak out
            return Result.from_error(_unexpected(call, error))

    async def _run(self, call: Call) -> Result:
        return _marked(call, await call.operation.run(call, Context(call, self), self._executor))


def _marked(call: Call, result: Result) -> Result:
    """Return a result that says so itself when it may carry what strangers wrote.

    So it does wherever it is kept and whoever gets it later.
    """
    is_untrusted = call.operation.untrusted or call.notes.get("untrusted")
    return result.untrusted() if is_untrusted else result


def _unexpected(call: Call, error: BaseException) -> ToolError:
    """Log an unforeseen failure under an id and return what the caller may know of it."""
    number = uuid.uuid4().hex[:8]
    _log.error("Call of '%s' failed, error id %s.", call.operation.name, number, exc_info=error)
    return ToolError(
        "internal",
        f"'{call.operation.name}' failed unexpectedly (error id {number}).",
        "Try again; if it happens again, give the error id to whoever runs this server.",
    )
