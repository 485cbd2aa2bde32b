"""Security and calls as series of Prometheus, on the registry that Jupyter's /metrics serves.

The series belong to the process: two runtimes in one count together. Labels are bounded: the names
of the first tools that are called, then ``(other)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol
from weakref import WeakSet

from jupyter_mcp.security.signals import Signal, Signals

TOOLS = 400
"""Tools that have a label of their own."""
OTHER = "(other)"
_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)


class Backlog(Protocol):
    """The audit, as far as it is measured."""

    @property
    def backlog(self) -> int:
        """How many records wait."""
        ...


class Series:
    """The series, registered once in a process."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self.calls = Counter("mcp_calls_total", "Calls of tools.", ["tool", "outcome"])
        self.seconds = Histogram("mcp_call_seconds", "How long calls took.", buckets=_BUCKETS)
        self.signals = Counter(
            "mcp_security_signals_total", "Signs of an attack or of a mistake.", ["kind"]
        )
        self.breakers = Counter(
            "mcp_breaker_transitions_total", "Circuits that changed.", ["tool", "state"]
        )
        self.cache = Counter("mcp_cache_total", "Cacheable calls, by hit or miss.", ["outcome"])
        self.records = Counter("mcp_audit_records_total", "Records of the audit that are written.")
        self.backlog = Gauge("mcp_audit_backlog", "Records of the audit that wait to be written.")
        self.audits: WeakSet[Any] = WeakSet()
        self.tools: set[str] = set()
        self.backlog.set_function(lambda: sum(each.backlog for each in list(self.audits)))

    def tool(self, name: str) -> str:
        """Return the label for a tool."""
        if name not in self.tools:
            if len(self.tools) >= TOOLS:
                return OTHER
            self.tools.add(name)
        return name


@cache
def series() -> Series:
    """Return the series of this process, registered at the first call."""
    return Series()


class Metrics:
    """Counts calls and signals; counts nothing before `start`.

    Args:
        signals: What is counted besides calls.
    """

    def __init__(self, signals: Signals) -> None:
        self._series: Series | None = None
        self._known: dict[tuple[str, str], Callable[[], None]] = {}
        self._observe: Callable[[float], None] | None = None
        signals.subscribe(self._on_signal)

    def start(self, audit: Backlog) -> None:
        """Load the library and register the series; run it in a thread."""
        self._series = series()
        self._series.audits.add(audit)
        self._observe = self._series.seconds.observe

    def call(self, tool: str, outcome: str, seconds: float) -> None:
        """Count a call."""
        if self._observe is None:
            return
        self._observe(seconds)
        count = self._known.get((tool, outcome))
        (count or self._counter(tool, outcome))()

    def breaker(self, tool: str, state: str) -> None:
        """Count a circuit that became ``open``, ``half_open`` or ``closed``."""
        if self._series is not None:
            self._series.breakers.labels(self._series.tool(tool), state).inc()

    def cached(self, outcome: str) -> None:
        """Count a cacheable call that was a ``hit`` or a ``miss``."""
        if self._series is not None:
            self._series.cache.labels(outcome).inc()

    def written(self, records: int) -> None:
        """Count records of the audit."""
        if self._series is not None:
            self._series.records.inc(records)

    def _counter(self, tool: str, outcome: str) -> Callable[[], None]:
        assert self._series is not None  # noqa: S101 - the only caller has looked
        label = self._series.tool(tool)
        count: Callable[[], None] = self._series.calls.labels(label, outcome).inc
        if label is not OTHER:
            self._known[tool, outcome] = count
        return count

    def _on_signal(self, signal: Signal) -> None:
        if self._series is not None:
            self._series.signals.labels(signal.kind).inc()
