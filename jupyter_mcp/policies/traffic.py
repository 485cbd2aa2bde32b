"""The doors that keep a server well under load, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

from jupyter_mcp.calls.content import Result
from jupyter_mcp.calls.events import Events
from jupyter_mcp.calls.supervisor import Supervisor
from jupyter_mcp.policies.breaker import Breaker
from jupyter_mcp.policies.cache import Cache
from jupyter_mcp.policies.idempotency import Idempotency
from jupyter_mcp.policies.limit import Limit, LimitSettings
from jupyter_mcp.policies.moving_windows import Link
from jupyter_mcp.policies.retry import Retry
from jupyter_mcp.policies.stores import Notes, Processes, Store
from jupyter_mcp.security.principal import Principal
from jupyter_mcp.security.signals import Signals


class TrafficSettings(LimitSettings, Protocol):
    """The settings that these policies read; `jupyter_mcp.config.Settings` has them."""

    @property
    def retry_attempts(self) -> int:
        """How often a call is tried at most."""
        ...

    @property
    def breaker_failures(self) -> int:
        """After how many failures in a row a tool is left alone."""
        ...

    @property
    def breaker_seconds(self) -> float:
        """For how long."""
        ...


class Sharing(Protocol):
    """What is shared with other servers; `jupyter_mcp.storage.shared.Shared` is one."""

    @property
    def redis(self) -> Link | None:
        """Redis, where it is configured."""
        ...

    @property
    def store(self) -> Store:
        """The store of expiring values."""
        ...

    @property
    def problem(self) -> str:
        """Why nothing is shared though it should be; empty when all is well."""
        ...


class Counts(Protocol):
    """What counts (`jupyter_mcp.security.audit.metrics.Metrics`)."""

    def breaker(self, tool: str, state: str) -> None:
        """Count a circuit that changed."""
        ...

    def cached(self, outcome: str) -> None:
        """Count a hit or a miss."""
        ...


class Traffic:
    """Limit, idempotency, cache, breaker and retry of one runtime.

    They stand in the corridor in this order, the deadline between breaker and retry: the breaker
    sees that it passed, and all tries together have the time of one call.

    Args:
        settings: The administrator's settings.
        shared: What is shared with other servers; it has to be started before `start`.
        signals: Where refusals are told.
        tasks: The owner of background tasks.
        view: Returns what stands for all principals that see the same.
        schemes: Returns the schemes of the resources that a toolset offers.
        redact: Returns a result as it goes out.
        counts: Counts what circuits and the cache do.
        notes: Where calls with a key are noted at once when they are done.
        processes: Tells which servers on this machine are gone.
    """

    def __init__(
        self,
        settings: TrafficSettings,
        shared: Sharing,
        signals: Signals,
        tasks: Supervisor,
        *,
        view: Callable[[Principal], Hashable],
        schemes: Callable[[str], frozenset[str]],
        redact: Callable[[Result], Result],
        counts: Counts,
        notes: Notes,
        processes: Processes | None = None,
    ) -> None:
        self._shared = shared
        self.limit = Limit(settings, signals)
        self.idempotency = Idempotency(
            lambda: shared.store, notes, redact, tasks, processes=processes
        )
        self.cache = Cache(view, schemes, redact, tasks, tell=counts.cached)
        self.breaker = Breaker(
            settings.breaker_failures, settings.breaker_seconds, tell=counts.breaker
        )
        self.retry = Retry(settings.retry_attempts)

    def start(self, events: Events) -> None:
        """Share what is to be shared and listen to what changes."""
        self.limit.share(self._shared.redis)
        self.cache.share(self._shared.store, with_others=self._shared.redis is not None)
        events.subscribe(self.cache.changed)
        self.idempotency.start()

    def problems(self) -> list[tuple[str, str]]:
        """Return what somebody should look at: a name and one line for each."""
        found = [("limits", problem) for problem in self.limit.problems]
        if self._shared.problem:
            found.append(("redis", self._shared.problem))
        return found + self.breaker.problems()
