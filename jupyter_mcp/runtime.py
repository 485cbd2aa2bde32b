"""The composition root: builds everything from the settings, owns it, and ends it.

A Jupyter server, a command or a kernel without a server each start one `Runtime`. It is the only
module that knows every room.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_mcp.calls.call import Call, Channel, SilentChannel
from jupyter_mcp.calls.catalog import Catalog
from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.corridor import Corridor
from jupyter_mcp.calls.events import Events
from jupyter_mcp.calls.executor import Executor
from jupyter_mcp.calls.jobs import JobStarter
from jupyter_mcp.calls.operation import Operation
from jupyter_mcp.calls.plugins import OWN_DISTRIBUTION, Problem, load_toolsets, third_party
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.calls.toolset import Host, JupyterServices, Toolset
from jupyter_mcp.config import Settings
from jupyter_mcp.policies import (
    Approve,
    Audit,
    Authorize,
    CallLog,
    Deadline,
    Pause,
    Quarantine,
    Redact,
    Taint,
    Traffic,
    validate,
)
from jupyter_mcp.security.ground import Ground
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.stop.switch import Stop
from jupyter_mcp.security.tokens.leases import IsEnded
from jupyter_mcp.security.trust import Trust
from jupyter_mcp.storage import Storage, process_marks
from jupyter_mcp.storage.notes import Notes
from jupyter_mcp.workplace import JobSource, LiveNotebooks, Places, WebPorts

_log = logging.getLogger(__name__)


class Runtime:
    """All services of one server or kernel.

    Args:
        settings: The administrator's settings.
        jupyter: The Jupyter server's parts, or what stands for them in a kernel.
    """

    def __init__(self, settings: Settings, jupyter: JupyterServices | None = None) -> None:
        self.settings = settings
        self.jupyter = jupyter
        self.started = time.time()
        self.problems: list[Problem] = []
        self.events = Events()
        self.tasks = Supervisor()
        self.executor = Executor(settings.threads)
        root = jupyter.root_dir if jupyter else ""
        state = settings.state_folder(root)
        self.storage = Storage(state, settings.database_url)
        ground = Ground(
            settings,
            state,
            self.storage,
            self.tasks,
            self.executor,
            event_logger=jupyter.event_logger if jupyter else None,
            root=Path(root).as_posix() if root else "",
        )
        self.trust = Trust(ground)
        self.host = Host(
            settings=settings,
            state=state,
            events=self.events,
            executor=self.executor,
            tasks=self.tasks,
            storage=self.storage,
            jupyter=jupyter,
            trust=self.trust,
        )
        self.catalog = Catalog(self.events, settings.toolsets, self.trust.policy)
        self.host.neighbours.tools = self.catalog.seen_tools
        self.trust.attach(self.catalog)
        self.trust.hide(*(jupyter.credentials if jupyter else ()))
        self.calls = CallLog(self.events)
        self.trust.leases.subscribe(self.calls.cancel_of)
        redact = Redact(self.trust.redactor, self.executor)
        self._notes = Notes(state)
        self.traffic = self._traffic(redact)
        self.corridor = self._corridor(redact)

    def _traffic(self, redact: Redact) -> Traffic:
        """Build the doors that keep the server well."""
        return Traffic(
            self.settings,
            self.trust.shared,
            self.trust.signals,
            self.tasks,
            view=self.trust.policy.key,
            schemes=self.catalog.schemes,
            redact=redact.result,
            counts=self.trust.metrics,
            notes=self._notes,
            processes=process_marks,
        )

    def _corridor(self, redact: Redact) -> Corridor:
        """Build the corridor: its doors in the order in which a call passes them."""
        trust, traffic = self.trust, self.traffic
        authorize = Authorize(trust.policy, trust.signals)
        approve = Approve(trust.approvals)
        return Corridor(
            self.catalog,
            self.executor,
            background=redact,
            outer=[Audit(trust.audit, trust.metrics), self.calls, redact],
            policies=[
                Pause(trust.switch, trust.agents),
                Quarantine(trust.pins),
                authorize.admit,
                validate,
                authorize,
                Taint(
                    trust.taints,
                    trust.run_marks,
                    approve,
                    trust.signals,
                    self.executor,
                    closed=self.host.neighbours.is_closed,
                    owner_seen=trust.policy.owner_seen,
                ),
                approve,
                traffic.limit,
                traffic.idempotency,
                traffic.cache,
                traffic.breaker,
                Deadline(self.settings.call_seconds or None),
                traffic.retry,
            ],
        )

    async def start(self) -> None:
        """Load the toolsets, heavy imports in a thread, and start them.

        What fails to start is ended before the error goes on: nothing of it is left.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        await self.trust.start()
        self.traffic.start(self.events)
        found = await self.executor.run(lambda: list(load_toolsets(self.host)))
        self.problems.extend(each for each in found if isinstance(each, Problem))
        toolsets = [each for each in found if isinstance(each, Toolset)]
        for toolset in toolsets:
            if not toolset.source:
                await self._add(toolset)
        for toolset in await self._pinned([each for each in toolsets if each.source]):
            await self._add(toolset)
        await self.prepare(self.catalog.selection())
        await self.trust.open()

    async def prepare(self, selection: frozenset[str]) -> None:
        """Work out the schemas of these toolsets, in a thread; those of the default view are."""
        if not self.catalog.is_compiled(selection):
            await self.executor.run(self.catalog.compile, selection)

    async def stop(self) -> None:
        """End everything in the reverse order: toolsets, tasks, database, threads.

        Jobs go first: what they run has to be interrupted while its toolset is still there.
        """
        toolsets = reversed(self.catalog.toolsets)
        for toolset in sorted(toolsets, key=lambda each: not isinstance(each, JobStarter)):
            try:
                await toolset.stop()
            except Exception:  # noqa: BLE001 - all the rest has to be stopped too
                _log.exception("Toolset '%s' failed to stop; the others go on.", toolset.name)
        await self.trust.stop()
        await self.tasks.stop()
        self._notes.close()
        self.storage.stop()
        self.executor.stop()

    @property
    def jobs(self) -> JobStarter | None:
        """Who runs background jobs; None where the jobs toolset is not loaded."""
        return self.corridor.jobs

    @property
    def all_problems(self) -> list[Problem]:
        """What was left out at the start, and what does not work now."""
        now = self.traffic.problems()
        return self.problems + [Problem(name, OWN_DISTRIBUTION, reason) for name, reason in now]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        principal: Principal,
        door: str,
        *,
        selection: frozenset[str] | None = None,
        channel: Channel | None = None,
        client: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - it travels with the call to its deadline
        meta: Mapping[str, Any] | None = None,
    ) -> Result:
        """Call a tool by name: what every door does.

        Raises:
            ToolError: ``not_found`` when the selection has no such tool; all else is in the result.
        """
        tool = self.catalog.tool(name, self.catalog.selection() if selection is None else selection)
        return await self.call(
            tool,
            arguments,
            principal,
            door,
            channel=channel,
            client=client,
            timeout=timeout,
            meta=meta,
        )

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        principal: Principal,
        door: str,
        *,
        channel: Channel | None = None,
        client: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - it travels with the call to its deadline
        meta: Mapping[str, Any] | None = None,
    ) -> Result:
        """Walk any operation (tool, resource, prompt, completion) through the corridor."""
        return await self.corridor.call(
            Call(
                operation=operation,
                arguments=arguments,
                principal=principal,
                door=door,
                channel=channel or SilentChannel(),
                client=client,
                timeout=timeout,
                meta=meta or {},
            )
        )

    async def _pinned(self, toolsets: Sequence[Toolset]) -> Sequence[Toolset]:
        """Hold back tools of other packages that are not what was approved.

        Returns the toolsets whose tools could be compared: what cannot be is left out.
        """
        try:
            for source, said in third_party(toolsets).items():
                await self.trust.pins.check(source, said, trusted_first=True)
        except Exception as error:  # noqa: BLE001 - whatever the database has, the server starts
            _log.warning("No tools of other packages: their pins cannot be read: %s", error)
            reason = f"its pins cannot be read: {type(error).__name__}"
            self.problems.extend(Problem(each.name, each.source, reason) for each in toolsets)
            return ()
        return toolsets

    async def _add(self, toolset: Toolset) -> None:
        try:
            await toolset.start()
            self.catalog.add(toolset)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is left out, the server starts
            _log.warning("Toolset '%s' was left out: %s", toolset.name, error)
            reason = f"{type(error).__name__}: {error}"
            self.problems.append(Problem(toolset.name, type(toolset).__module__, reason))
            return
        if isinstance(toolset, JobStarter):
            self._take_jobs(toolset)
        if isinstance(toolset, Places):
            self.host.neighbours.places = toolset
        if isinstance(toolset, WebPorts):
            self.host.neighbours.ports = toolset
        if isinstance(toolset, LiveNotebooks):
            self.host.neighbours.notebooks = toolset
        if isinstance(toolset, JobSource):
            self.host.neighbours.jobs.append(toolset)

    def _take_jobs(self, jobs: JobStarter) -> None:
        """Have a toolset run background jobs, and end them with the leave to go on.

        Who is stopped may go on with what only looks; who lost their access may not.
        """

        def stopped(stop: Stop) -> int:
            return jobs.end_jobs(
                lambda call: call.operation.scope != "read" and stop.concerns(call)
            )

        def lost(is_ended: IsEnded) -> None:
            jobs.end_jobs(lambda call: is_ended(call.principal))

        self.corridor.jobs = jobs
        self.trust.switch.stoppers.append(stopped)
        self.trust.leases.subscribe(lost)
