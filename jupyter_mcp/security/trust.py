"""All services of trust in one place: built by the runtime, used by policies, doors and tools."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

from jupyter_mcp.security.approvals.approvals import Approvals
from jupyter_mcp.security.audit.audit import Audit, AuditOptions
from jupyter_mcp.security.audit.events import AuditEvents
from jupyter_mcp.security.audit.metrics import Metrics
from jupyter_mcp.security.audit.signal_history import SignalHistory
from jupyter_mcp.security.ground import Ground
from jupyter_mcp.security.policy.policy import Offer, Policy
from jupyter_mcp.security.policy.watch import PolicyWatch
from jupyter_mcp.security.secrets.log_redaction import LogRedaction
from jupyter_mcp.security.secrets.redaction import Redactor
from jupyter_mcp.security.secrets.secrets import Secrets
from jupyter_mcp.security.secrets.vault import Vault
from jupyter_mcp.security.signals import Signals
from jupyter_mcp.security.stop.agents import Agents
from jupyter_mcp.security.stop.switch import Switch
from jupyter_mcp.security.tokens.access import Access
from jupyter_mcp.security.tokens.leases import Leases
from jupyter_mcp.security.tokens.tokens import Tokens
from jupyter_mcp.security.untrusted.pins import Pins
from jupyter_mcp.security.untrusted.run_marks import RunMarks
from jupyter_mcp.security.untrusted.taints import Taints
from jupyter_mcp.storage.retention import Retention
from jupyter_mcp.storage.shared import Shared

SERVER_TOKEN = 12
"""From how many characters on a server's own token is redacted: a shorter one may be a word."""


class Catalog(Offer, Protocol):
    """All that can be asked for (`jupyter_mcp.calls.catalog.Catalog`)."""

    @property
    def tool_names(self) -> Iterable[str]:
        """The names of all tools."""
        ...

    def selection(self, wanted: str) -> frozenset[str]:
        """Return the toolsets that are wanted."""
        ...

    def hide(self, tools: Iterable[str]) -> None:
        """Leave these tools, and no others, out of every view."""
        ...


class Trust:
    """The services of trust of one runtime.

    Args:
        ground: What they stand on.
    """

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.signals = Signals()
        self.shared = Shared(
            ground.storage, ground.settings.redis_url, ground.state, ground.tasks, ground.threads
        )
        self.redactor = Redactor()
        self.logs = LogRedaction(self.redactor)
        settings = ground.settings
        kept = AuditOptions(settings.audit_seconds, required=settings.audit_required)
        self.audit = Audit(
            ground.storage, ground.tasks, self.signals, options=kept, cleaner=self.redactor
        )
        self.metrics = Metrics(self.signals)
        self.signal_history = SignalHistory(self.signals)
        self.retention = Retention(
            ground.storage,
            settings.audit_days,
            settings.change_days,
            settings.job_days,
            settings.workflow_days,
        )
        vault = Vault(settings.secrets_folder, settings.secret_store)
        self.secrets = Secrets(vault, ground.threads, self.redactor.learn)
        self.pins = Pins(ground.storage, self.signals)
        self.taints = Taints()
        self.run_marks = RunMarks(ground.storage)
        self.leases = Leases()
        self.tokens = Tokens(ground, self.signals, self.leases)
        self.access = Access(ground, self.signals, self.leases)
        self.agents = Agents()
        self.policy = Policy(settings.policy_file, self.signals, ground.threads, ground.root)
        self.switch = Switch(ground.storage, decides=self.policy.decides)
        self.approvals = Approvals(
            ground.storage,
            ground.tasks,
            self.signals,
            decides=self.policy.decides,
            seconds=ground.settings.approval_seconds,
            redact=self.redactor.text,
        )

    def attach(self, catalog: Catalog) -> None:
        """Learn what can be asked for: a policy may name it, and pins may hold it back."""
        self.policy.attach(catalog)
        self.pins.names = lambda: catalog.tool_names
        self.pins.subscribe(lambda: catalog.hide(self.pins.held))
        self.tokens.known_toolsets = lambda: catalog.selection("all")

    def hide(self, *credentials: str) -> None:
        """Redact what the server itself is opened with."""
        for credential in credentials:
            self.redactor.learn(credential, SERVER_TOKEN)

    async def start(self) -> None:
        """Read what was decided before and begin to write the audit."""
        self.hide(os.environ.get("JUPYTERHUB_API_TOKEN", ""))
        self.logs.install()
        await self.secrets.learn()
        self.ground.tasks.spawn("secrets", self.secrets.watch())
        await self.shared.start()
        await self._start_audit()
        await self.tokens.start()
        await self.access.start()
        await self.switch.start()
        await self.approvals.start()

    async def open(self) -> None:
        """Put the policy in force, now that all that it may name is known, and watch its file."""
        if self.policy.file is not None:
            watch = PolicyWatch(self.policy, self.policy.file, self.ground.threads)
            await watch.look()
            self.ground.tasks.spawn("policy", watch.run())

    async def stop(self) -> None:
        """Flush what is not written yet."""
        self.leases.stop()
        await self.tokens.stop()
        await self.approvals.stop()
        await self.audit.stop()
        await self.shared.stop()
        self.logs.remove()

    async def _start_audit(self) -> None:
        ground = self.ground
        await ground.threads.run(self.metrics.start, self.audit)
        self.audit.on_written = self.metrics.written
        if ground.event_logger is not None:
            events = AuditEvents(ground.event_logger)
            await ground.threads.run(events.register)
            self.audit.listeners.append(events.tell)
        await self.audit.start()
        ground.tasks.spawn("retention", self.retention.keep())
