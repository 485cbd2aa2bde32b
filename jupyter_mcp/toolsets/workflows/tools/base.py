"""What all tools of workflows share: the service, made when it is first used."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mcp.calls import Context, Host, Text, Toolset
from jupyter_mcp.calls.events import JobChanged, ResourceUpdated
from jupyter_mcp.errors import ToolError
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.storage.home import home_of
from jupyter_mcp.workplace import LEFT_WORK

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mcp.toolsets.workflows.clock import Clock
    from jupyter_mcp.toolsets.workflows.runs.schedules import Schedules
    from jupyter_mcp.toolsets.workflows.service import WorkflowService
    from jupyter_mcp.toolsets.workflows.worker.process import WorkerProcess

URI = "workflow://"


class WorkflowToolset(Toolset):
    """The service of workflows, as its tools reach it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._is_stopping = False

    @cached_property
    def workflow_service(self) -> WorkflowService:
        """The service."""
        from jupyter_mcp.toolsets.workflows.service import Parts, WorkflowService

        host = self.host
        hosts = host.settings.workflow_webhook_hosts
        return WorkflowService(
            Parts(
                storage=host.storage,
                tasks=host.tasks,
                threads=host.executor,
                begin_worker=self._begin_worker,
                is_attended=self._is_attended,
                changed=self._changed,
                most=host.settings.workflow_waiting,
                home=self._home,
                classes=dict(host.settings.workflow_places),
                # Workers on other hosts send by settings of their own.
                webhooks=None if self.worker_process.is_distributed else hosts,
            )
        )

    @cached_property
    def schedules(self) -> Schedules:
        """What starts by the clock."""
        from jupyter_mcp.toolsets.workflows.runs.schedules import Schedules

        most = self.host.settings.workflow_waiting
        return Schedules(self.host.storage, most, home=self._home)

    @cached_property
    def clock(self) -> Clock:
        """What looks at the clock."""
        from jupyter_mcp.toolsets.workflows.clock import Clock

        host = self.host
        return Clock(self.workflow_service, self.schedules, host.tasks, host.state)

    @cached_property
    def worker_process(self) -> WorkerProcess:
        """The process in which workflows run."""
        from jupyter_mcp.toolsets.workflows.worker.options import Options
        from jupyter_mcp.toolsets.workflows.worker.process import WorkerProcess

        return WorkerProcess(Options.of(self.host.settings, self.host.state))

    async def start(self) -> None:
        """Go on with what an earlier server has left, if it has."""
        if await self.host.executor.run((self.host.state / LEFT_WORK).exists):
            self.clock.begin()

    async def stop(self) -> None:
        """Start no more workers; those that run go on."""
        self._is_stopping = True

    def known_tools(self, principal: Principal) -> Any:
        """Return what is known of the tools that a principal may call; None for nothing."""
        tools = self.host.neighbours.tools
        return None if tools is None else tools(principal)

    def seen(self, ctx: Context) -> str | None:
        """Return whose runs a caller sees; None for everybody's."""
        owner: str | None = self.host.trust.policy.owner_seen(ctx.principal)
        return owner

    @cached_property
    def _home(self) -> str:
        return home_of(self.host.state, self.host.settings.database_url)

    async def _begin_worker(self) -> None:
        if self._is_stopping:
            return
        if self.host.settings.workflow_local_worker:
            await self.worker_process.ensure()
            return
        await self.worker_process.tell()
        raise ToolError(
            "unavailable",
            "No worker is running, and this server starts none (workflow_local_worker).",
            "Start one: jupyter mcp worker.",
        )

    def _is_attended(self, connection: Connection) -> bool:
        from jupyter_mcp.toolsets.workflows.worker.leases import is_any_living

        if self.worker_process.is_distributed:
            return is_any_living(connection, self._home)
        return self.worker_process.found() is not None

    def _changed(self, run: str) -> None:
        self.host.events.publish(JobChanged(run))
        self.host.events.publish(ResourceUpdated(f"{URI}{run}"))


def one_line(text: str) -> tuple[Text]:
    """Return text as the content of a reply."""
    return (Text(text),)
